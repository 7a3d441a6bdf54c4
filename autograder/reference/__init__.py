"""NumPy says what is right: readable layers, and networks computed from a student's weights.

A student's kernel must not see this room: it answers questions of some assignments.
"""

from autograder.reference.layers import *  # noqa: F403
from autograder.reference.layers import Array as Array
from autograder.reference.layouts import *  # noqa: F403
from autograder.reference.networks import (
    Network as Network,
)
from autograder.reference.networks import (
    Weights as Weights,
)
from autograder.reference.networks import (
    WeightsError as WeightsError,
)
from autograder.reference.networks import (
    arrays_from_weights as arrays_from_weights,
)
from autograder.reference.networks import (
    layer_shapes as layer_shapes,
)
from autograder.reference.networks import (
    network as network,
)
from autograder.reference.networks import (
    parameter_count as parameter_count,
)
from autograder.reference.networks import (
    weights_from_arrays as weights_from_arrays,
)
