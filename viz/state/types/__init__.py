"""Values that the parts of the application exchange. No torch and no interface code here.

Everything but `SessionState` is frozen, so a value can be kept, compared, hashed as a cache key and
handed to the worker without copying.
"""

# pyright: reportUnusedImport=false

from viz.state.person import Latent, Motion
from viz.state.types.clip import (
    CLIP_SECONDS,
    FRAME_RATE,
    FRAMES,
    LOOP_MODES,
    ClipTime,
    LoopMode,
    Playback,
)
from viz.state.types.model_info import LayerInfo, ModelInfo
from viz.state.types.orbit import TRAINED_TURN, Coordinate, Head, Orbit
from viz.state.types.pictures import (
    PRECISIONS,
    VIEWS,
    MeshData,
    PixelValues,
    Precision,
    Preview,
    Probe,
    ProbeResult,
    Quality,
    RenderRequest,
    RenderResult,
    Shot,
    View,
)
from viz.state.types.session_state import (
    CONDITIONINGS,
    CUE_PLAYS,
    DIFFERENCES,
    EASES,
    INSETS,
    LAYOUTS,
    MESH_STYLES,
    MODELS_MODES,
    PATH_CLIPS,
    TRANSITIONS,
    Cue,
    CuePlay,
    Display,
    Ease,
    Keyframe,
    Layout,
    MeshStyle,
    PathOptions,
    SessionState,
    Transition,
)
