// What a page does by itself: it is told that there is news, fetches itself again and takes over the parts that
// differ; and it draws time series. Without it everything is there to be read, and a reload brings what is new.
'use strict';

(() => {
  const body = document.body;
  const live = document.getElementById('live');
  const on = live ? live.textContent : '';

  // --- parts that are made anew ---------------------------------------------------------------

  const AT_LEAST_MS = 700;      // between two looks
  const AT_MOST_MS = 10000;     // without news: numbers change all the time
  let looked = performance.now();
  let looking = false;
  let again = 0;

  function takeOver(fresh) {
    for (const part of document.querySelectorAll('[data-part]')) {
      const other = fresh.getElementById(part.id);
      if (!other || part.contains(document.activeElement) && part.querySelector('input, select, textarea')) continue;
      if (part.className !== other.className) part.className = other.className;
      if (part.innerHTML === other.innerHTML) continue;
      // Who is on a link with the keyboard stays on it.
      const here = part.contains(document.activeElement) ? document.activeElement.getAttribute('href') : null;
      part.replaceChildren(...other.childNodes);
      if (here) {
        const same = [...part.querySelectorAll('a')].find((a) => a.getAttribute('href') === here);
        if (same) same.focus();
      }
    }
  }

  async function look() {
    clearTimeout(again);
    const wait = looked + AT_LEAST_MS - performance.now();
    if (looking || wait > 0) {
      again = setTimeout(look, Math.max(wait, 100));
      return;
    }
    looking = true;
    try {
      const answer = await fetch(location.href, { credentials: 'same-origin', redirect: 'error' });
      if (answer.ok) takeOver(new DOMParser().parseFromString(await answer.text(), 'text/html'));
    } catch {
      // The stream of news says whether the monitor is there.
    }
    looked = performance.now();
    looking = false;
  }

  function follow() {
    const source = new EventSource('/api/v1/live');
    let number = -1;
    let heard = performance.now();
    const say = (good) => {
      live.className = good ? 'on' : 'off';
      const text = good ? on : live.dataset.off;
      if (live.textContent !== text) live.textContent = text;
    };
    source.onmessage = (message) => {
      const told = JSON.parse(message.data);
      say(true);
      heard = performance.now();
      if (number >= 0 && told.n !== number || performance.now() - looked > AT_MOST_MS) look();
      number = told.n;
    };
    source.onerror = () => say(false);
    setInterval(() => { if (performance.now() - heard > 8000) say(false); }, 1000);
    addEventListener('pagehide', () => source.close());
  }

  // --- time series ----------------------------------------------------------------------------

  const PLOTS = {
    satellites: [['satellites', 'c0'], ['bds3', 'c1']],
    cn0: [['cn0', 'c0', 'cn0_dbhz']],
    latency: [['latency', 'c0', 'latency_s']],
    offsets: [['east', 'c0', 'east_m'], ['north', 'c2', 'north_m'], ['up', 'c1', 'up_m'],
      ['hpl', 'pale', 'hpl_m', true], ['vpl', 'bad', 'vpl_m', true]],
    multipath: [['multipath', 'c0', 'multipath_m']],
    roti: [['roti', 'c0', 'roti_tecu_min']],
  };
  const LEAST = { satellites: 10, cn0: 4, latency: 0.5, offsets: 2, multipath: 0.4, roti: 0.4 };

  function plots(holder) {
    const word = (name) => holder.getAttribute('data-w-' + name);
    const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue('--' + name).trim();
    const made = new Map();
    let windowName = '1h';
    let data = null;

    // Steps too small to matter are not drawn large.
    function around(name, low, high) {
      if (low === null || high === null) return [0, 1];
      if (name === 'satellites') return [0, Math.max(high + 2, 10)];
      const room = Math.max((high - low) * 0.1, (LEAST[name] - (high - low)) / 2);
      return [low < 0 ? low - room : Math.max(low - room, name === 'cn0' ? low - room : 0), high + room];
    }

    function draw(name, box) {
      const lines = PLOTS[name];
      const values = [data.time, ...lines.map(([series, , column]) => data.columns[column || series])];
      const width = Math.max(box.clientWidth, 240);
      const known = values.slice(1).some((column) => column.some((value) => value !== null));
      box.classList.toggle('nothing', !known);
      if (!known) {
        if (made.has(name)) made.get(name).destroy();
        made.delete(name);
        box.textContent = holder.getAttribute('data-w-nothing');
        return;
      }
      if (!made.has(name)) box.textContent = '';
      const old = made.get(name);
      if (old) {
        if (old.width !== width) old.setSize({ width, height: 190 });
        old.setData(values);
        return;
      }
      const axis = { stroke: colour('pale'), grid: { stroke: colour('grid'), width: 1 }, ticks: { stroke: colour('grid') } };
      const number = (plot, value) => value == null ? '–' : value.toFixed(name === 'satellites' ? 0 : 2);
      made.set(name, new uPlot({
        width,
        height: 190,
        tzDate: (ts) => uPlot.tzDate(new Date(ts * 1000), 'UTC'),
        fmtDate: (template) => uPlot.fmtDate(template),
        axes: [{ ...axis, values: [
          [3600, '{HH}:{mm}', '\n{YYYY}-{MM}-{DD}', null, null, null, null, null, 1],
          [60, '{HH}:{mm}', null, null, null, null, null, null, 1],
          [1, '{HH}:{mm}:{ss}', null, null, null, null, null, null, 1]] }, { ...axis, size: 52 }],
        padding: [10, 26, 0, 0],
        scales: { x: { time: true }, y: { range: (u, low, high) => around(name, low, high) } },
        series: [{ label: word('time'), value: '{YYYY}-{MM}-{DD} {HH}:{mm}:{ss}' }, ...lines.map(([series, look, , dashed]) => ({
          label: word(series) || word(name),
          stroke: colour(look),
          width: 1.6,
          dash: dashed ? [5, 4] : undefined,
          value: number,
          spanGaps: false,
          points: { show: data.time.length < 30 },
        }))],
        legend: { live: true },
        cursor: { drag: { x: true, y: false } },
      }, values, box));
    }

    async function fill() {
      const url = `/api/v1/stations/${encodeURIComponent(holder.dataset.series)}/series?window=${windowName}`;
      try {
        const answer = await fetch(url, { credentials: 'same-origin' });
        if (!answer.ok) return;
        data = await answer.json();
      } catch {
        return;
      }
      for (const box of holder.querySelectorAll('[data-plot]')) draw(box.dataset.plot, box);
    }

    function afresh() {
      for (const plot of made.values()) plot.destroy();
      made.clear();
      if (data) for (const box of holder.querySelectorAll('[data-plot]')) draw(box.dataset.plot, box);
    }

    for (const button of document.querySelectorAll('[data-window]')) {
      button.addEventListener('click', () => {
        windowName = button.dataset.window;
        for (const one of document.querySelectorAll('[data-window]')) {
          one.setAttribute('aria-pressed', String(one === button));
        }
        for (const plot of made.values()) plot.destroy();
        made.clear();
        fill();
      });
    }
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', afresh);
    addEventListener('resize', () => { if (data) for (const box of holder.querySelectorAll('[data-plot]')) draw(box.dataset.plot, box); });
    fill();
    setInterval(fill, 15000);
  }

  if (live && 'EventSource' in window) follow();
  const holder = document.querySelector('[data-series]');
  if (holder && window.uPlot) plots(holder);
  body.dataset.ready = '';
})();
