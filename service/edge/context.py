"""What a call is in the edge: grpc's context, and a function from a request and it to an answer.

A layer wraps a call and gives a call: the interceptor is made of layers. Read by every room of the edge.
"""

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import grpc

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"
Call: TypeAlias = Callable[[Any, Context], Awaitable[Any]]
Layer: TypeAlias = Callable[[Call], Call]
