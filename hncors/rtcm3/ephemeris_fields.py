"""The fields of the ephemeris messages, in the order they are sent.

A line is: name with its unit, DF number, bits, kind, scale. Kinds:

    u   unsigned                     sm  sign and magnitude (RTCM's intS, GLONASS only)
    s   two's complement             ch  unsigned, counted from -7 (frequency channel)
    sn  two's complement whose most negative value says that nothing is known

Without a scale the value is an integer. Scales are powers of two (but for BeiDou's 0.1 ns), so that
a value returns to the very bits it came from; `pi` makes radians of semicircles, `1000` metres of
GLONASS' kilometres. Names, widths and scales: RTCM 10403.3 with its amendments, under the DF numbers
given. 63 is the draft of 1042 that receivers of 2013 to 2017 send, with the same fields.
"""

from __future__ import annotations

from math import pi, prod
from typing import NamedTuple


class Field(NamedTuple):
    """One field of a message."""

    name: str
    df: str
    width: int
    kind: str
    scale: float | None  # None: an integer


def _scale(factors: list[str]) -> float | None:
    if not factors:
        return None
    return prod(pi if f == "pi" else 2.0 ** int(f[2:]) if f.startswith("2^") else float(f) for f in factors)


def _table(text: str) -> tuple[Field, ...]:
    fields = []
    for line in text.strip().splitlines():
        name, df, width, kind, *factors = line.split()
        fields.append(Field(name, df, int(width), kind, _scale(factors)))
    return tuple(fields)


GPS = _table("""
    satellite          DF009   6 u
    week               DF076  10 u
    ura_index          DF077   4 u
    l2_codes           DF078   2 u
    i_dot_rad_s        DF079  14 s  2^-43 pi
    iode               DF071   8 u
    toc_s              DF081  16 u  16
    af2_s_s2           DF082   8 s  2^-55
    af1_s_s            DF083  16 s  2^-43
    af0_s              DF084  22 s  2^-31
    iodc               DF085  10 u
    crs_m              DF086  16 s  2^-5
    delta_n_rad_s      DF087  16 s  2^-43 pi
    m0_rad             DF088  32 s  2^-31 pi
    cuc_rad            DF089  16 s  2^-29
    eccentricity       DF090  32 u  2^-33
    cus_rad            DF091  16 s  2^-29
    sqrt_a_sqrt_m      DF092  32 u  2^-19
    toe_s              DF093  16 u  16
    cic_rad            DF094  16 s  2^-29
    omega0_rad         DF095  32 s  2^-31 pi
    cis_rad            DF096  16 s  2^-29
    i0_rad             DF097  32 s  2^-31 pi
    crc_m              DF098  16 s  2^-5
    omega_rad          DF099  32 s  2^-31 pi
    omega_dot_rad_s    DF100  24 s  2^-43 pi
    tgd_s              DF101   8 s  2^-31
    health             DF102   6 u
    l2p_off            DF103   1 u
    fit_flag           DF137   1 u
""")

GLONASS = _table("""
    satellite          DF038   6 u
    channel            DF040   5 ch
    almanac_health     DF104   1 u
    almanac_known      DF105   1 u
    p1                 DF106   2 u
    tk_hour            DF107   5 u
    tk_minute          DF107   6 u
    tk_half_minute     DF107   1 u
    bn                 DF108   1 u
    p2                 DF109   1 u
    tb_s               DF110   7 u  900
    vx_m_s             DF111  24 sm 2^-20 1000
    x_m                DF112  27 sm 2^-11 1000
    ax_m_s2            DF113   5 sm 2^-30 1000
    vy_m_s             DF114  24 sm 2^-20 1000
    y_m                DF115  27 sm 2^-11 1000
    ay_m_s2            DF116   5 sm 2^-30 1000
    vz_m_s             DF117  24 sm 2^-20 1000
    z_m                DF118  27 sm 2^-11 1000
    az_m_s2            DF119   5 sm 2^-30 1000
    p3                 DF120   1 u
    gamma              DF121  11 sm 2^-40
    p                  DF122   2 u
    ln                 DF123   1 u
    tau_s              DF124  22 sm 2^-30
    delta_tau_s        DF125   5 sm 2^-30
    age_days           DF126   5 u
    p4                 DF127   1 u
    accuracy_index     DF128   4 u
    day                DF129  11 u
    model              DF130   2 u
    additional         DF131   1 u
    almanac_day        DF132  11 u
    tau_c_s            DF133  32 sm 2^-31
    four_years         DF134   5 u
    tau_gps            DF135  22 sm 1
    ln_fifth           DF136   1 u
    reserved           DF001   7 u
""")

NAVIC = _table("""
    satellite          DF516   6 u
    week               DF517  10 u
    af0_s              DF518  22 s  2^-31
    af1_s_s            DF519  16 s  2^-43
    af2_s_s2           DF520   8 s  2^-55
    ura_index          DF521   4 u
    toc_s              DF522  16 u  16
    tgd_s              DF523   8 s  2^-31
    delta_n_rad_s      DF524  22 s  2^-41 pi
    iodec              DF525   8 u
    reserved           DF526  10 u
    l5_unhealthy       DF527   1 u
    s_unhealthy        DF528   1 u
    cuc_rad            DF529  15 s  2^-28
    cus_rad            DF530  15 s  2^-28
    cic_rad            DF531  15 s  2^-28
    cis_rad            DF532  15 s  2^-28
    crc_m              DF533  15 s  2^-4
    crs_m              DF534  15 s  2^-4
    i_dot_rad_s        DF535  14 s  2^-43 pi
    m0_rad             DF536  32 s  2^-31 pi
    toe_s              DF537  16 u  16
    eccentricity       DF538  32 u  2^-33
    sqrt_a_sqrt_m      DF539  32 u  2^-19
    omega0_rad         DF540  32 s  2^-31 pi
    omega_rad          DF541  32 s  2^-31 pi
    omega_dot_rad_s    DF542  22 s  2^-41 pi
    i0_rad             DF543  32 s  2^-31 pi
    spare_i_dot        DF544   2 u
    spare_i0           DF545   2 u
""")

BEIDOU = _table("""
    satellite          DF488   6 u
    week               DF489  13 u
    ura_index          DF490   4 u
    i_dot_rad_s        DF491  14 s  2^-43 pi
    aode               DF492   5 u
    toc_s              DF493  17 u  8
    af2_s_s2           DF494  11 s  2^-66
    af1_s_s            DF495  22 s  2^-50
    af0_s              DF496  24 s  2^-33
    aodc               DF497   5 u
    crs_m              DF498  18 s  2^-6
    delta_n_rad_s      DF499  16 s  2^-43 pi
    m0_rad             DF500  32 s  2^-31 pi
    cuc_rad            DF501  18 s  2^-31
    eccentricity       DF502  32 u  2^-33
    cus_rad            DF503  18 s  2^-31
    sqrt_a_sqrt_m      DF504  32 u  2^-19
    toe_s              DF505  17 u  8
    cic_rad            DF506  18 s  2^-31
    omega0_rad         DF507  32 s  2^-31 pi
    cis_rad            DF508  18 s  2^-31
    i0_rad             DF509  32 s  2^-31 pi
    crc_m              DF510  18 s  2^-6
    omega_rad          DF511  32 s  2^-31 pi
    omega_dot_rad_s    DF512  24 s  2^-43 pi
    tgd1_s             DF513  10 s  1e-10
    tgd2_s             DF514  10 s  1e-10
    health             DF515   1 u
""")

QZSS = _table("""
    satellite          DF429   4 u
    toc_s              DF430  16 u  16
    af2_s_s2           DF431   8 s  2^-55
    af1_s_s            DF432  16 s  2^-43
    af0_s              DF433  22 s  2^-31
    iode               DF434   8 u
    crs_m              DF435  16 s  2^-5
    delta_n_rad_s      DF436  16 s  2^-43 pi
    m0_rad             DF437  32 s  2^-31 pi
    cuc_rad            DF438  16 s  2^-29
    eccentricity       DF439  32 u  2^-33
    cus_rad            DF440  16 s  2^-29
    sqrt_a_sqrt_m      DF441  32 u  2^-19
    toe_s              DF442  16 u  16
    cic_rad            DF443  16 s  2^-29
    omega0_rad         DF444  32 s  2^-31 pi
    cis_rad            DF445  16 s  2^-29
    i0_rad             DF446  32 s  2^-31 pi
    crc_m              DF447  16 s  2^-5
    omega_rad          DF448  32 s  2^-31 pi
    omega_dot_rad_s    DF449  24 s  2^-43 pi
    i_dot_rad_s        DF450  14 s  2^-43 pi
    l2_codes           DF451   2 u
    week               DF452  10 u
    ura_index          DF453   4 u
    health             DF454   6 u
    tgd_s              DF455   8 sn 2^-31
    iodc               DF456  10 u
    fit_flag           DF457   1 u
""")

# What F/NAV and I/NAV have in common; the DF number of the signal-in-space accuracy differs.
_GALILEO = """
    satellite          DF252   6 u
    week               DF289  12 u
    iodnav             DF290  10 u
    sisa_index         {sisa}  8 u
    i_dot_rad_s        DF292  14 s  2^-43 pi
    toc_s              DF293  14 u  60
    af2_s_s2           DF294   6 s  2^-59
    af1_s_s            DF295  21 s  2^-46
    af0_s              DF296  31 s  2^-34
    crs_m              DF297  16 s  2^-5
    delta_n_rad_s      DF298  16 s  2^-43 pi
    m0_rad             DF299  32 s  2^-31 pi
    cuc_rad            DF300  16 s  2^-29
    eccentricity       DF301  32 u  2^-33
    cus_rad            DF302  16 s  2^-29
    sqrt_a_sqrt_m      DF303  32 u  2^-19
    toe_s              DF304  14 u  60
    cic_rad            DF305  16 s  2^-29
    omega0_rad         DF306  32 s  2^-31 pi
    cis_rad            DF307  16 s  2^-29
    i0_rad             DF308  32 s  2^-31 pi
    crc_m              DF309  16 s  2^-5
    omega_rad          DF310  32 s  2^-31 pi
    omega_dot_rad_s    DF311  24 s  2^-43 pi
    bgd_e5a_s          DF312  10 s  2^-32
"""

GALILEO_FNAV = _table(f"""
    {_GALILEO.format(sisa="DF291").strip()}
    e5a_health         DF314   2 u
    e5a_invalid        DF315   1 u
    reserved           DF001   7 u
""")

GALILEO_INAV = _table(f"""
    {_GALILEO.format(sisa="DF286").strip()}
    bgd_e5b_s          DF313  10 s  2^-32
    e5b_health         DF316   2 u
    e5b_invalid        DF317   1 u
    e1_health          DF287   2 u
    e1_invalid         DF288   1 u
    reserved           DF001   2 u
""")

MESSAGES: dict[int, tuple[str, tuple[Field, ...]]] = {
    63: ("C", BEIDOU),
    1019: ("G", GPS),
    1020: ("R", GLONASS),
    1041: ("I", NAVIC),
    1042: ("C", BEIDOU),
    1044: ("J", QZSS),
    1045: ("E", GALILEO_FNAV),
    1046: ("E", GALILEO_INAV),
}
"""RINEX letter and fields of every ephemeris message."""
