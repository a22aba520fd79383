/* Processor time of RTKLIB's pntpos an epoch, reading left out:  pntpos FILE.obs FILE.nav [ROUNDS]
 *
 * Built outside this repository from RTKLIB's own sources (2.4.3 b34; docs/speed.md gives the command), for
 * bench/position.py --pntpos. Single point, two frequencies, ten degrees, Klobuchar and Saastamoinen. Prints
 * the fastest round as one JSON line.
 */
#include "rtklib.h"
#include <time.h>

int showmsg(const char *format, ...) { return 0; }
void settspan(gtime_t begin, gtime_t end) {}
void settime(gtime_t time) {}

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return t.tv_sec + t.tv_nsec * 1e-9;
}

int main(int argc, char **argv)
{
    static obs_t obs;
    static nav_t nav;
    static sta_t sta;
    static ssat_t ssat[MAXSAT];
    static double azel[2 * MAXOBS];
    prcopt_t options = prcopt_default;
    double best_s = 1e9;
    int round, rounds = argc > 3 ? atoi(argv[3]) : 3, epochs = 0, solved = 0, satellites = 0;

    if (argc < 3) return 2;
    readrnx(argv[1], 1, "", &obs, &nav, &sta);
    readrnx(argv[2], 1, "", &obs, &nav, &sta);
    sortobs(&obs);
    uniqnav(&nav);
    options.mode = PMODE_SINGLE;
    options.nf = 2;
    options.navsys = SYS_GPS | SYS_GLO | SYS_GAL | SYS_CMP;
    options.elmin = 10.0 * D2R;
    options.ionoopt = IONOOPT_BRDC;
    options.tropopt = TROPOPT_SAAS;
    for (round = 0; round < rounds; round++) {
        sol_t sol = {{0}};
        char message[128];
        int i, n;
        double begun_s = now_s(), took_s;
        epochs = solved = satellites = 0;
        for (i = 0; i < obs.n; i += n) {
            for (n = 1; i + n < obs.n && fabs(timediff(obs.data[i + n].time, obs.data[i].time)) < 1e-3; n++) {
            }
            solved += pntpos(obs.data + i, n, &nav, &options, &sol, azel, ssat, message);
            satellites += sol.ns;
            epochs++;
        }
        took_s = now_s() - begun_s;
        if (took_s < best_s) best_s = took_s;
    }
    printf("{\"epochs\": %d, \"solved\": %d, \"satellites\": %.1f, \"us_per_epoch\": %.2f}\n", epochs, solved,
           (double)satellites / epochs, best_s / epochs * 1e6);
    return 0;
}
