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
AUDIO_SUFFIXES = (
    ".wav",
    ".wave",
    ".flac",
    ".ogg",
    ".oga",
    ".opus",
    ".mp3",
    ".mp2",
    ".mpga",
    ".aif",
    ".aiff",
    ".aifc",
    ".au",
    ".snd",
    ".caf",
    ".w64",
    ".rf64",
    ".sph",
    ".nist",
    ".voc",
    ".m4a",
    ".m4b",
    ".aac",
    ".mp4",
    ".wma",
)
READ_VIDEO_SUFFIXES = (".mp4", ".m4v", ".mov", ".mkv", ".webm")  # in --videos
VIDEO_SUFFIXES = (".mp4", ".m4v", ".mkv", ".webm", ".mov", ".avi", ".mpg", ".mpeg", ".wmv", ".flv")


def has_suffix(name: str, suffixes: tuple[str, ...]) -> bool:
    """Returns whether a file name ends in one of the extensions, in upper or lower case.

    A query that a download tool has kept, as in `x.jpg?152`, is ignored.
    """
    name = name.lower()
    return name.endswith(suffixes) or ("?" in name and name.partition("?")[0].endswith(suffixes))
