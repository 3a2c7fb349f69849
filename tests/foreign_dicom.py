"""DICOM files as a scanner writes them, with a secret wherever they say who somebody is."""

import numpy as np
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, UltrasoundImageStorage

SECRET = "Zzyzx"
RAMP = np.arange(256, dtype=np.uint8).reshape(8, 32)


def dicom(path, pixels, syntax=ExplicitVRLittleEndian, photometric="MONOCHROME2", bits=8, signed=0, raw=None, **tags):
    """A DICOM file of ``pixels`` with the same secret in every tag that says who somebody is."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.TransferSyntaxUID = UltrasoundImageStorage, syntax
    meta.MediaStorageSOPInstanceUID = "1.2.3.987654321"
    one = FileDataset(str(path), {}, file_meta=meta, preamble=bytes(128))
    for name in (
        "PatientName",
        "PatientID",
        "PatientAddress",
        "OtherPatientNames",
        "InstitutionName",
        "StudyDescription",
    ):
        setattr(one, name, f"{SECRET}^{name}")
    one.ReferringPhysicianName = one.OperatorsName = one.PatientComments = one.SeriesDescription = SECRET
    one.AccessionNumber, one.DeviceSerialNumber, one.ImageComments = SECRET, SECRET, SECRET
    one.PatientBirthDate, one.StudyInstanceUID = "19010203", "1.2.3.987654321.1"
    other = Dataset()
    other.PatientID = SECRET
    one.OtherPatientIDsSequence = [other]
    one.add_new(0x00091001, "LO", SECRET)
    one.Modality, one.Manufacturer, one.SOPClassUID = "US", "Maker", UltrasoundImageStorage
    one.PhotometricInterpretation, one.PixelRepresentation = photometric, signed
    one.BitsAllocated, one.BitsStored, one.HighBit = (8 if bits <= 8 else 16), bits, bits - 1
    colour = pixels.shape[-1] == 3 and pixels.ndim > 2
    one.SamplesPerPixel = 3 if colour else 1
    if colour:
        one.PlanarConfiguration = 0
    shape = pixels.shape[:-1] if colour else pixels.shape
    one.Rows, one.Columns = shape[-2:]
    if len(shape) == 3:
        one.NumberOfFrames = shape[0]
    for name, value in tags.items():
        setattr(one, name, value)
    one.PixelData = pixels.tobytes() if raw is None else raw
    path.parent.mkdir(parents=True, exist_ok=True)
    one.save_as(path, enforce_file_format=True)
    return path
