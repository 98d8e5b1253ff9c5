"""File name extensions of face images and clips."""

# Some formats need a decoder that may not be installed. Without it, the build rejects and lists
# their files, so that none is ignored silently.
IMAGE_SUFFIXES = (
    ".jpg",
    ".jpeg",
    ".jfif",
    ".png",
    ".webp",
    ".gif",
    ".bmp",
    ".tif",
    ".tiff",
    ".mpo",
    ".avif",
    ".heic",
)
AUDIO_SUFFIXES = (
    ".wav",
    ".flac",
    ".ogg",
    ".opus",
    ".mp3",
    ".aif",
    ".aiff",
    ".au",
    ".caf",
    ".w64",
    ".rf64",
    ".m4a",
    ".aac",
    ".mp4",
    ".wma",
)
