"""The style of all charts, and their rendering as PNG.

Charts are black on white. Pages invert them in dark mode (templates/style.css), whose colours of
splits are those of the charts after that.
"""

from __future__ import annotations

import io
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from facevoice.reports.figure_text import TEXT_STYLE

INK, SOFT, FAINT = "#22303c", "#5b6b78", "#c9d1d8"
BLUE, TEAL, ORANGE = "#1d6fa5", "#1f9d8f", "#c2410c"
SPLIT_COLOURS = {"train": BLUE, "validation": TEAL, "test": ORANGE}  # also in templates/style.css
DPI = 130
WIDTH = 5.4  # inches; wider figures have illegible text on a phone
STYLE: Any = {  # Matplotlib's type has 300 literals as keys
    **TEXT_STYLE,
    "font.size": 10,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": INK,
    "ytick.color": INK,
    "text.color": INK,
    "legend.frameon": False,
}


def encode_png(figure: Figure) -> bytes:
    """Renders a figure as PNG, without a display."""
    FigureCanvasAgg(figure)
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=DPI)
    return out.getvalue()
