"""Colour maps: from a number in 0..1 to a colour. The window and exports take them from here."""

from __future__ import annotations

import base64
import functools
import zlib
from typing import Literal

import numpy as np

ColorMap = Literal["viridis", "cividis", "magma", "inferno", "grey", "turbo"]
COLOR_MAPS: dict[ColorMap, str] = {
    "viridis": "Viridis",
    "cividis": "Cividis",
    "magma": "Magma",
    "inferno": "Inferno",
    "grey": "Grey",
    "turbo": "Turbo (not uniform)",
}
"""All but turbo are perceptually uniform and safe for the colour-blind, as their lightness rises
evenly. Turbo shows more detail, and steps that are not there."""


@functools.cache
def color_table(name: ColorMap) -> np.ndarray:
    """The colours of a map from low, which is dark, to high: uint8 [256, 3], read-only."""
    if name == "grey":
        colors = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, axis=1)
    else:
        steps = np.frombuffer(zlib.decompress(base64.b85decode(_STEPS[name])), np.uint8)
        colors = np.ascontiguousarray(steps.reshape(3, 256).cumsum(axis=1, dtype=np.uint8).T)
    colors.flags.writeable = False
    return colors


_STEPS = {
    "viridis": (
        "c-n<hi4lY#3{0@KE8+St<xsL4Sjp&Rzu+jyOg`opECkc)X`Q6qnhK3HNo_OG;RhV>kb4UegZDb1pdhW1hA(9608i"
        "7%o<`5u+O6#W6MI|R-q~_nLKyo3Fq1@l=e3($blyl0DjP1z=#&|HsQxfvb9OjPgHv1mpkyG8q{bp%?-(;)vb7T{k"
        "BAB"
    ),
    "cividis": (
        "c-oCp0TO^92m|ybJ*fY`MiW5;#j7#KtPU>}AOz-=Qz8LMC~@csu(_o|`0~&r2K{(Un<G<L+K*nk893UNFaH;(4yG"
        ")2%Y)gipR5@le9V+?<nv{!@JY7;K<)RSPEmbpcx}8vCz^w}e(oDD`<v{vGDFy8rih@Z6b?ok2t7^bLmv"
    ),
    "magma": (
        "c-nnZ0TRO?2ov1@zwB-SL$G!b1Lv7mfnj3+W>_$1*l-6$vculB^q1sG_f&LnT*IwwB;bXl<Uh79*?xVvf`0)m>K0"
        "|9YP!<*pnj$WHo~<BT6(W=N!o!IuJjWh_vy5m1SCzK_+2Be79*q0Xg#o_&`SykB*7c7NQn@fO{<x$$z{pxF?9O+h"
        "+oRdEx7"
    ),
    "inferno": (
        "c-nnYff9uv2!rhX{~u?`HW6PJ%pqLTG0e>d{DJHs!U>Qs;e$R4<q|F;;(*eOB!nkOv@Yrca*^RRewRH^w6*urP6u"
        "^geWN|pynv!x9d(YM%G6!t7O)v|#%cbNLw)LdoUU&gNobki>0F5>sw(}<pOS}zaOtF1yLP_vOejQK(?U6N(<p5Kb"
        "`Gcg5T42nM;>jU"
    ),
    "turbo": (
        "c-mc(TNcA02t@Ijes?AP@BVjXw88+=3?t_>G4=v}a*850CxSK6LRzee*jiZo7kj@Ye33Fo;n=DiRhFt$dA8r>V-L"
        "0oCpnyiX(5zK(GH#vLN{CDmc<&f#=DrZ=UgIHL<=FD0k<%$5N}*C=SN=+KN-K5;Pj3j=&giMgjeyWd1J#vcHpu>P"
        "3;ux`?^HEU%mD1)>_@hn6xE23yeU4^$vvAn(@#O$MMj%V;}DV(n1?la`8^0)2uV<>Fx4jre6Y5<4`x9zaYQZ=?AI"
        "SX^{"
    ),
}
"""The published tables: steps of red, green and blue from colour to colour, modulo 256, packed by
zlib and base85. Viridis, magma and inferno are by Smith and van der Walt (2015, CC0), cividis by
Nuñez, Anderton and Renslow (2018), turbo by Mikhailov (2019)."""
