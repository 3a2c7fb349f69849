"""Every choice a person or a command can make among named alternatives."""

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


class Split(StrEnum):
    """What an image may be used for; an image kept from an upload is in none."""

    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"
    NONE = "none"


class Space(StrEnum):
    """The label space in which figures are shown."""

    NATIVE = "native"
    COMMON = "common"


class MappedBy(StrEnum):
    """How a prediction gets into a coarser label space: the model's answer mapped, or its probabilities summed."""

    ANSWER = "answer"
    SUM = "sum"


class Becomes(StrEnum):
    """What becomes of an answer when probabilities are summed instead."""

    RIGHT = "right"
    WRONG = "wrong"


class Moved(StrEnum):
    """What a reviewed label makes of an answer: right, wrong, as before; or the image is left out, or counted anew."""

    RIGHT = "right"
    WRONG = "wrong"
    SAME = "same"
    LEFT_OUT = "left-out"
    COUNTED = "counted"


class Per(StrEnum):
    """What the shares of a confusion matrix are shares of."""

    COUNT = "count"
    TRUE = "true"
    PREDICTED = "predicted"


class Matrices(StrEnum):
    """Which matrices are shown: each subject's own, or the second's minus the first's."""

    EACH = "each"
    DIFFERENCE = "difference"


class Opens(StrEnum):
    """What a click on a cell of a matrix opens: its images as a list, or as a queue to review."""

    IMAGES = "images"
    REVIEW = "review"


class ClassOrder(StrEnum):
    """In which order the classes of a matrix stand."""

    TAXONOMY = "taxonomy"
    CONFUSED = "confused"


class ClassFigure(StrEnum):
    """A figure per class; recall is what the story calls accuracy per class."""

    RECALL = "recall"
    PRECISION = "precision"
    F1 = "F1"


class Labels(StrEnum):
    """Which labels the figures are computed against."""

    ORIGINAL = "original"
    REVIEWED = "reviewed"


class Headline(StrEnum):
    """The one figure that a verdict is about; fixed in the workspace beforehand."""

    ACCURACY = "accuracy"
    BALANCED_ACCURACY = "balanced accuracy"
    MACRO_F1 = "macro-F1"


class Question(StrEnum):
    """What a verdict is about: these very runs, or the way in which they were trained."""

    CHECKPOINT = "checkpoint"
    TRAINING = "training"


class Answer(StrEnum):
    """What a verdict says of A against B."""

    BETTER = "better"
    WORSE = "worse"
    SAME = "the same within the margin"
    NOT_SETTLED = "not settled"
    TOO_FEW = "too few to say"


class Cause(StrEnum):
    """Why a figure is low; the order is that of the pages and ranks nothing."""

    IMBALANCE = "unbalanced, too few images"
    CONFUSION = "confusable classes"
    CAPACITY = "capacity wasted, small classes pushed out"
    SCATTER = "one signal scattered over many classes"


class Evidence(StrEnum):
    """What stands behind the gain that removing a cause would bring."""

    BOUND = "bound"
    RETRAINED = "measured by retraining"
    NOT_IDENTIFIABLE = "not identifiable"


class Quality(StrEnum):
    """A score of how well a label fits what a model says; each is in [0, 1], lower is worse."""

    SELF_CONFIDENCE = "self-confidence"
    NORMALIZED_MARGIN = "normalised margin"
    CONFIDENCE_WEIGHTED_ENTROPY = "confidence-weighted entropy"


class Rule(StrEnum):
    """How the decisions of several people about one image become its standing label."""

    LATEST = "latest"
    MAJORITY = "majority"
    ADJUDICATED = "adjudicated"

    @property
    def words(self) -> str:
        """What stands when several people have labelled one image, as a sentence."""
        return {
            Rule.LATEST: "The latest label stands, whoever gave it.",
            Rule.MAJORITY: "The label that most people gave stands; a tie leaves the data set's own until somebody "
            "adjudicates.",
            Rule.ADJUDICATED: "A label stands when all who gave one agree, or when somebody has adjudicated; else the "
            "data set's own does.",
        }[self]


class Arranged(StrEnum):
    """How a list of images is laid out: one after the other, or as points near those that look alike to a run."""

    GALLERY = "gallery"
    MAP = "map"


class Opinion(StrEnum):
    """Whose images a reviewer is shown: those that nobody has answered, or those that others have labelled."""

    FIRST = "first"
    SECOND = "second"


class Order(StrEnum):
    """Which images wait for a reviewer, and which of them first."""

    WRONG = "wrong"
    LABEL_ERROR = "label-error"
    MARGIN = "low-margin"
    LOSS = "high-loss"
    DISAGREE = "disagree"
    CONFLICT = "conflict"
    CELL = "cell"
    CLASS = "class"
    UNSEEN = "unseen"
    RANDOM = "random"

    @property
    def uses_runs(self) -> bool:
        """Whether the order depends on what runs say."""
        return self not in (Order.RANDOM, Order.UNSEEN, Order.CONFLICT)

    @property
    def uses_cell(self) -> bool:
        """Whether it takes the images of one cell, or of one class, of a subject's confusion matrix."""
        return self in (Order.CELL, Order.CLASS)


class Status(StrEnum):
    """Which images of a queue are shown, by what was decided about them."""

    WAITING = "waiting"
    ANSWERED = "answered"
    FLAGGED = "flagged"
    CANNOT_TELL = "cannot-tell"


class LabelWork(StrEnum):
    """What the page Labels is opened for."""

    SETS = "sets"
    EXPORT = "export"
    IMPORT = "import"


class LabelFormat(StrEnum):
    """As what kind of file labels leave TaxoScope; each is read back by the import."""

    CSV = "csv"
    JSON_LINES = "jsonl"
    PARQUET = "parquet"
    FOLDERS = "folders"
    COCO = "coco"
    CLEANLAB = "cleanlab"

    @property
    def needs_taxonomy(self) -> bool:
        """Whether it says classes, and not labels alone."""
        return self in (LabelFormat.FOLDERS, LabelFormat.COCO, LabelFormat.CLEANLAB)

    @property
    def suffix(self) -> str:
        """How its file names end."""
        endings = {LabelFormat.FOLDERS: ".zip", LabelFormat.COCO: ".json", LabelFormat.CLEANLAB: ".parquet"}
        return endings.get(self, f".{self}")


class CountedBy(StrEnum):
    """What the images of a data set are counted by."""

    CLASS = "class"
    LABEL = "label"
    PATIENT = "patient"
    COLUMN = "column"


class Finding(StrEnum):
    """What can be wrong with image files."""

    MISSING = "missing"
    UNREADABLE = "unreadable"
    ACROSS_SPLITS = "across-splits"
    ACROSS_LABELS = "across-labels"
    EQUAL = "equal"
    BLANK = "blank"
    TINY = "tiny"
    HUGE = "huge"


class Brought(StrEnum):
    """What the page Import is opened for."""

    IMAGES = "images"
    MODEL = "model"


class From(StrEnum):
    """Where what is imported comes from."""

    UPLOAD = "upload"
    INCOMING = "incoming"
