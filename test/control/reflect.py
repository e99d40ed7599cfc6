"""A gRPC client that knows nothing of the service but what server reflection tells it.

reflect.py SOCKET lists the services and methods; reflect.py SOCKET METHOD JSON [COUNT] calls a method of Control and
prints replies as JSON, COUNT of them if they have no end. Errors are printed as {"code", "details"}.
"""

import json
import sys

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory

CONTROL = "vhost_user_scmi.v1.Control"
REFLECTION = "grpc.reflection.v1alpha"


def reflection_messages():
    """The part of the reflection protocol that is used here, as its schema has it."""
    types = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="reflection.proto", package=REFLECTION, syntax="proto3")

    def message(name, *fields):
        described = file.message_type.add(name=name)
        for number, field, type, repeated, type_name in fields:
            described.field.add(
                name=field,
                number=number,
                type=type,
                type_name=type_name and f".{REFLECTION}.{type_name}",
                label=types.LABEL_REPEATED if repeated else types.LABEL_OPTIONAL,
            )

    message(
        "ServerReflectionRequest",
        (4, "file_containing_symbol", types.TYPE_STRING, False, None),
        (7, "list_services", types.TYPE_STRING, False, None),
    )
    message("FileDescriptorResponse", (1, "file_descriptor_proto", types.TYPE_BYTES, True, None))
    message("ServiceResponse", (1, "name", types.TYPE_STRING, False, None))
    message("ListServiceResponse", (1, "service", types.TYPE_MESSAGE, True, "ServiceResponse"))
    message(
        "ServerReflectionResponse",
        (4, "file_descriptor_response", types.TYPE_MESSAGE, False, "FileDescriptorResponse"),
        (6, "list_services_response", types.TYPE_MESSAGE, False, "ListServiceResponse"),
    )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return pool


def class_of(pool, name):
    described = pool.FindMessageTypeByName(name)
    if hasattr(message_factory, "GetMessageClass"):
        return message_factory.GetMessageClass(described)
    return message_factory.MessageFactory(pool).GetPrototype(described)


class Reflection:
    def __init__(self, channel):
        pool = reflection_messages()
        self.request = class_of(pool, f"{REFLECTION}.ServerReflectionRequest")
        self.call = channel.stream_stream(
            f"/{REFLECTION}.ServerReflection/ServerReflectionInfo",
            request_serializer=lambda request: request.SerializeToString(),
            response_deserializer=class_of(pool, f"{REFLECTION}.ServerReflectionResponse").FromString,
        )

    def ask(self, **question):
        return next(self.call(iter([self.request(**question)])))

    def services(self):
        return [service.name for service in self.ask(list_services="*").list_services_response.service]

    def pool_of(self, symbol):
        """All that the service is made of, dependencies first."""
        answer = self.ask(file_containing_symbol=symbol).file_descriptor_response
        files = [descriptor_pb2.FileDescriptorProto.FromString(data) for data in answer.file_descriptor_proto]
        pool = descriptor_pool.DescriptorPool()
        while files:
            ready = [file for file in files if not any(other.name in file.dependency for other in files)]
            for file in ready:
                pool.Add(file)
                files.remove(file)
        return pool


def main(socket, method=None, request="{}", count="1"):
    channel = grpc.insecure_channel(f"unix:{socket}")
    reflection = Reflection(channel)
    pool = reflection.pool_of(CONTROL)
    service = pool.FindServiceByName(CONTROL)
    if method is None:
        print(json.dumps({"services": reflection.services(), "methods": [m.name for m in service.methods]}))
        return 0
    described = service.methods_by_name[method]
    streams = descriptor_pb2.MethodDescriptorProto()
    described.CopyToProto(streams)
    kind = channel.unary_stream if streams.server_streaming else channel.unary_unary
    call = kind(
        f"/{CONTROL}/{method}",
        request_serializer=lambda message: message.SerializeToString(),
        response_deserializer=class_of(pool, described.output_type.full_name).FromString,
    )
    question = json_format.ParseDict(json.loads(request), class_of(pool, described.input_type.full_name)(), descriptor_pool=pool)
    try:
        replies = call(question) if streams.server_streaming else [call(question)]
        for reply, _ in zip(replies, range(int(count))):
            print(json_format.MessageToJson(reply, preserving_proto_field_name=True, indent=None), flush=True)
    except grpc.RpcError as error:
        print(json.dumps({"code": error.code().name, "details": error.details()}))
        return 1
    return 0


sys.exit(main(*sys.argv[1:]))
