"""How a class activation map is computed."""

from enum import StrEnum


class CamMethod(StrEnum):
    """How a class activation map is computed."""

    GRAD_CAM = "grad-cam"
    GRAD_CAM_PLUSPLUS = "grad-cam-plusplus"
    HIRES_CAM = "hires-cam"
    XGRAD_CAM = "xgrad-cam"
    ELEMENTWISE = "elementwise-grad-cam"
    LAYER_CAM = "layer-cam"
    EIGEN_CAM = "eigen-cam"

    @property
    def uses_class(self) -> bool:
        """Whether the map depends on the class to explain (Eigen-CAM's does not)."""
        return self is not CamMethod.EIGEN_CAM
