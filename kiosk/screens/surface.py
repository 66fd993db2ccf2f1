"""Getting Kivy ready before it is first imported, because it reads its environment and settings at import.

Kivy left alone writes a configuration and logs into the home folder, parses the program's arguments and speaks on the
console. Here it does none of that. Without a screen SDL's ``offscreen`` driver and Mesa's software OpenGL draw true
pixels (Debian: ``libgl1-mesa-dri libegl1 libgl1 libmtdev1``; sound needs nothing more).
"""

from __future__ import annotations

import ctypes
import importlib.util
import logging
import os
import sys
from functools import cache

#: Frames a second at most, which is also how soon a touch is seen; the attract screen draws far fewer.
FRAMES = 60


#: glibc's numbers of two settings of its allocator, and what they are set to (mallopt(3)).
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_KEEP_BYTES = 128 * 1024


def _give_memory_back() -> None:
    """Have freed pixels go back to the system at once.

    A software renderer frees megabytes a frame, and glibc, seeing that, keeps ever more of it: measured, 530 MB after
    a few visits instead of 340.
    """
    if sys.platform == "linux":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # other C libraries have none
        if mallopt is not None:
            mallopt(_MMAP_THRESHOLD, _KEEP_BYTES // 2)
            mallopt(_TRIM_THRESHOLD, _KEEP_BYTES)


def kivy_is_installed() -> bool:
    """Whether there is a Kivy to draw with."""
    return importlib.util.find_spec("kivy") is not None


def prepare(width: int, height: int, *, offscreen: bool = False, fullscreen: bool = False) -> None:
    """Tell Kivy how to start: a window of this size, no console, no arguments, no file of its own anywhere.

    Call once, before anything imports Kivy; later calls change nothing. Raises ``ImportError`` without Kivy.
    """
    os.environ.update(
        KIVY_NO_ARGS="1",
        KIVY_NO_CONFIG="1",
        KIVY_NO_CONSOLELOG="1",
        KIVY_NO_FILELOG="1",
        KIVY_NO_ENV_CONFIG="1",
        KIVY_LOG_MODE="PYTHON",
        KIVY_METRICS_DENSITY="1",
        KIVY_DPI="96",
    )
    if offscreen:
        os.environ.update(SDL_VIDEODRIVER="offscreen", LIBGL_ALWAYS_SOFTWARE="1", SDL_AUDIODRIVER="dummy")
    _give_memory_back()
    # Kivy's own messages are for its developers; what a station must know it says itself.
    logging.getLogger("kivy").setLevel(logging.ERROR)
    from kivy.config import Config  # noqa: PLC0415 (the environment must be set first)

    settings = {
        ("graphics", "width"): str(width),
        ("graphics", "height"): str(height),
        ("graphics", "multisamples"): "0",
        ("graphics", "maxfps"): str(FRAMES),
        ("graphics", "resizable"): "0" if fullscreen else "1",
        ("graphics", "fullscreen"): "auto" if fullscreen else "0",
        ("graphics", "borderless"): "1" if fullscreen else "0",
        # Two-finger emulation would draw red dots at a right click.
        ("input", "mouse"): "mouse,disable_multitouch",
        ("kivy", "exit_on_escape"): "0",
        ("kivy", "log_level"): "error",
    }
    for (section, option), value in settings.items():
        Config.set(section, option, value)


@cache
def keep_in_step() -> None:
    """Let every frame be done before the next begins, where the processor draws.

    A software renderer takes frames faster than it paints them and queues the rest: measured in a movement, a touch was
    seen 200 ms later and 100 MB more were in use. Needs the window; a second call changes nothing.
    """
    from kivy.core.window import Window  # noqa: PLC0415 (Kivy must be prepared first)
    from kivy.graphics.opengl import GL_RENDERER, glFinish, glGetString  # noqa: PLC0415

    if any(name in glGetString(GL_RENDERER).lower() for name in (b"llvmpipe", b"softpipe", b"swr")):
        Window.bind(on_flip=lambda *_args: glFinish())
