"""Reads and parses records on other machines, in a running tf.data service."""

from __future__ import annotations

import socket

import tensorflow as tf

from tfdata.errors import DatasetError

CONNECT_TIMEOUT_SECONDS = 10.0


def distribute(dataset: tf.data.Dataset, address: str) -> tf.data.Dataset:
    """Returns a dataset whose elements the workers of a service produce, each once, in any order.

    Args:
      dataset: the workers divide the elements of its first source among them.
      address: of the service's dispatcher, 'grpc://host:port'.

    Raises:
      DatasetError: there is no service at the address; TensorFlow would wait for hours.
    """
    host, _, port = address.removeprefix("grpc://").rpartition(":")
    try:
        socket.create_connection((host, int(port)), CONNECT_TIMEOUT_SECONDS).close()
    except OSError as error:
        raise DatasetError(
            f"No tf.data service answers at {address} ({error.strerror or error}); start its "
            f"dispatcher there, and workers for it (see docs/how-to/read-datasets.md)."
        ) from None
    service = tf.data.experimental.service
    return dataset.apply(service.distribute(service.ShardingPolicy.DYNAMIC, address))
