"""XMP packets as cameras and stitchers write them."""


def crop_xmp(
    full: tuple[int, int],
    size: tuple[int, int],
    at: tuple[int, int],
    elements: bool = False,
    projection: str = "equirectangular",
) -> bytes:
    """Photo-sphere metadata; sizes are (height, width), `at` is (top, left).

    Values are attributes, or elements of their own.
    """
    tags = {
        "ProjectionType": projection,
        "FullPanoWidthPixels": full[1],
        "FullPanoHeightPixels": full[0],
        "CroppedAreaImageWidthPixels": size[1],
        "CroppedAreaImageHeightPixels": size[0],
        "CroppedAreaLeftPixels": at[1],
        "CroppedAreaTopPixels": at[0],
    }
    inside = "".join(f"<GPano:{k}>{v}</GPano:{k}>\n" for k, v in tags.items())
    attributes = " ".join(f'GPano:{k}="{v}"' for k, v in tags.items())
    return (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description xmlns:GPano="http://ns.google.com/photos/1.0/panorama/" '
        f"{'' if elements else attributes}>{inside if elements else ''}</rdf:Description>"
        "</rdf:RDF></x:xmpmeta>"
    ).encode()
