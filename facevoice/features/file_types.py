"""File name extensions of face images, clips and videos."""

# Some formats need a decoder that may not be installed. Without it, the build rejects and lists
# their files, so that none is ignored silently.
IMAGE_SUFFIXES = (
    ".jpg",
    ".jpeg",
    ".jpe",
    ".jfif",
    ".png",
    ".apng",
    ".webp",
    ".gif",
    ".bmp",
    ".dib",
    ".tif",
    ".tiff",
    ".mpo",
    ".avif",
    ".avifs",
    ".heic",
    ".heif",
    ".hif",
    ".jp2",
    ".j2k",
    ".j2c",
    ".jpc",
    ".jpf",
    ".jpx",
    ".pbm",
    ".pgm",
    ".ppm",
    ".pnm",
    ".pfm",
)
# By the names of libsndfile's formats. Its other formats are of files that hold something else more
# often than sound (HTK, MAT4, MAT5), need a second file (SD2) or a sample rate (RAW), or have the
# extension of another format (MPC2K).
LIBSNDFILE_SUFFIXES = {
    "AIFF": (".aif", ".aiff", ".aifc"),
    "AU": (".au", ".snd"),
    "AVR": (".avr",),
    "CAF": (".caf",),
    "FLAC": (".flac",),
    "IRCAM": (".ircam", ".sf"),
    "MP3": (".mp3", ".mp2", ".mp1", ".mpga"),
    "NIST": (".nist", ".sph"),
    "OGG": (".ogg", ".oga", ".opus"),
    "PAF": (".paf", ".fap"),
    "PVF": (".pvf",),
    "RF64": (".rf64",),
    "SDS": (".sds",),
    "SVX": (".8svx", ".16sv", ".svx", ".iff"),
    "VOC": (".voc",),
    "W64": (".w64",),
    "WAV": (".wav", ".wave", ".bwf"),
    "WAVEX": (".wavex",),
    "WVE": (".wve",),
    "XI": (".xi",),
}
# Of formats that `m4a` reads.
M4A_SUFFIXES = (".m4a", ".m4b", ".m4r", ".aac", ".mp4", ".m4v", ".mov", ".3gp", ".3g2", ".wma")
AUDIO_SUFFIXES = (*(each for some in LIBSNDFILE_SUFFIXES.values() for each in some), *M4A_SUFFIXES)
READ_VIDEO_SUFFIXES = (".mp4", ".m4v", ".mov", ".mkv", ".webm")  # in --videos
VIDEO_SUFFIXES = (
    *READ_VIDEO_SUFFIXES,
    ".3g2",
    ".3gp",
    ".asf",
    ".avi",
    ".divx",
    ".f4v",
    ".flv",
    ".m2ts",
    ".mpeg",
    ".mpg",
    ".mts",
    ".mxf",
    ".ogv",
    ".qt",
    ".rm",
    ".rmvb",
    ".ts",
    ".vob",
    ".wmv",
)
_QUERY_MARKS = ("?", "%3f")  # in lower case


def has_suffix(name: str, suffixes: tuple[str, ...]) -> bool:
    """Returns whether a file name ends in one of the extensions, in upper or lower case.

    A query that a download tool has kept, as in `x.jpg?152`, is ignored.
    """
    name = name.lower()
    return name.endswith(suffixes) or _without_query(name).endswith(suffixes)


def suffix_of(name: str) -> str:
    """Returns the extension of a file name in lower case, or ""; see `has_suffix`."""
    stem, dot, end = _without_query(name.lower()).rpartition(".")
    return f".{end}" if stem and dot and end else ""


def _without_query(lowered: str) -> str:
    for mark in _QUERY_MARKS:
        lowered = lowered.partition(mark)[0]
    return lowered
