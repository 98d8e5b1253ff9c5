"""Reading and parsing on other machines: a tf.data service, that somebody has started."""

from __future__ import annotations

import socket

import tensorflow as tf

from tfdata.errors import DatasetError

ANSWER_SECONDS = 10.0


def through_service(dataset: tf.data.Dataset, address: str) -> tf.data.Dataset:
    """The same elements, made by the workers of a service, each by one of them, in any order.

    Args:
      dataset: its first source is what the workers share out.
      address: of the service's dispatcher, 'grpc://host:port'.

    Raises:
      DatasetError: nothing answers there; TensorFlow would wait for hours.
    """
    host, _, port = address.removeprefix("grpc://").rpartition(":")
    try:
        socket.create_connection((host, int(port)), ANSWER_SECONDS).close()
    except OSError as error:
        raise DatasetError(
            f"No tf.data service answers at {address} ({error.strerror or error}); start its "
            f"dispatcher there, and workers for it (see docs/reading.md)."
        ) from None
    service = tf.data.experimental.service
    return dataset.apply(service.distribute(service.ShardingPolicy.DYNAMIC, address))
