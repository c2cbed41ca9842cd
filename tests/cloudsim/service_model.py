"""Holds answers to AWS's published service model, as botocore has it.

Every element of an XML answer must be a member that the model names, where it names it, and every
x-amz-* header too: a stand-in that answers what AWS would not is worse than none.
"""

import xml.etree.ElementTree as ElementTree

# Of every answer of S3, so no operation's model names them.
OF_ALL = {"x-amz-request-id", "x-amz-id-2", "x-amzn-requestid"}
# Told by S3 on HeadBucket, GetObject and errors in ways the model leaves out.
UNNAMED = {"x-amz-delete-marker", "x-amz-version-id", "x-amz-bucket-region"}


class NotInModel(AssertionError):
    """An answer has what the model does not."""


def plain(tag):
    return tag.rsplit("}", 1)[-1]


def element_names(shape):
    """Element name -> (member shape, is a flattened list)."""
    names = {}
    for member, inner in shape.members.items():
        location = inner.serialization.get("location")
        if location in ("header", "headers", "statusCode"):
            continue
        name = inner.serialization.get("name", member)
        flattened = inner.type_name == "list" and inner.serialization.get("flattened", False)
        if flattened:
            name = inner.member.serialization.get("name", name)
            name = inner.serialization.get("name", name)
        names[name] = (inner, flattened)
    return names


def check_structure(element, shape, where):
    names = element_names(shape)
    for child in element:
        tag = plain(child.tag)
        if tag not in names:
            raise NotInModel(f"{where}: <{tag}> is not in the model, which has {sorted(names)}")
        inner, flattened = names[tag]
        check_value(child, inner.member if flattened else inner, f"{where}/{tag}")


def check_value(element, shape, where):
    if shape.type_name == "structure":
        check_structure(element, shape, where)
    elif shape.type_name == "list":
        wanted = shape.member.serialization.get("name", "member")
        for child in element:
            if plain(child.tag) != wanted:
                raise NotInModel(f"{where}: <{plain(child.tag)}> in a list of <{wanted}>")
            check_value(child, shape.member, f"{where}/{wanted}")
    elif len(element):
        raise NotInModel(f"{where}: elements where the model has text")


def body_shape(output):
    """The shape of the body, or None where it is bytes or nothing."""
    payload = output.serialization.get("payload")
    if payload is None:
        return output
    shape = output.members[payload]
    return shape if shape.type_name == "structure" else None


def check_headers(operation, output, headers):
    named, prefixes = set(), []
    for member in output.members.values() if output is not None else ():
        if member.serialization.get("location") == "header":
            named.add(member.serialization["name"].lower())
        if member.serialization.get("location") == "headers":
            prefixes.append(member.serialization["name"].lower())
    for name in (name.lower() for name in headers):
        if name.startswith("x-amz") and name not in named | OF_ALL | UNNAMED:
            if not any(name.startswith(prefix) for prefix in prefixes):
                raise NotInModel(f"{operation}: the header {name} is not in the model")


def check_answer(operation_model, response):
    """`response`: status_code, headers and body of an answer."""
    if response["status_code"] >= 300:
        return
    output, name = operation_model.output_shape, operation_model.name
    if operation_model.service_model.metadata["protocol"] == "rest-xml":
        check_headers(name, output, response["headers"])
    if output is None or operation_model.has_streaming_output or not response["body"]:
        return
    shape = body_shape(output)
    if shape is None:
        return
    root = ElementTree.fromstring(response["body"])
    wrapper = output.serialization.get("resultWrapper")
    if wrapper is not None:
        if plain(root.tag) != f"{name}Response" or plain(root[0].tag) != wrapper:
            raise NotInModel(f"{name}: no <{wrapper}> in <{plain(root.tag)}>")
        root = root[0]
    if name == "GetBucketLocation":
        return  # its text is the root's own, which the model cannot say
    if plain(root.tag) == "Error":
        return  # 200 with an error in it
    check_structure(root, shape, name)
