"""Maps identities to labels in TensorFlow's graph, without a lookup table.

A table is a resource. With deterministic operations, tf.data runs functions that use a resource
sequentially and without prefetching, so training would wait for its input.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import tensorflow as tf

from tfdata.manifest import Person

_BUCKETS = 2**62


def label_lookup(people: Mapping[str, Person]) -> Callable[[tf.Tensor], tf.Tensor]:
    """Returns a function from identities, str [batch], to labels, int64 [batch].

    The function searches the sorted hashes of all names, and compares the name. It raises
    InvalidArgumentError for an identity that is not in `people`.
    """
    names = tf.constant(list(people))
    labels = tf.constant([person.label for person in people.values()], tf.int64)
    hashes = tf.strings.to_hash_bucket_fast(names, _BUCKETS)
    order = tf.argsort(hashes)
    names, labels, hashes = (tf.gather(x, order) for x in (names, labels, hashes))

    def lookup(identity: tf.Tensor) -> tf.Tensor:
        index = tf.searchsorted(hashes, tf.strings.to_hash_bucket_fast(identity, _BUCKETS))
        index = tf.minimum(index, len(people) - 1)
        known = tf.debugging.assert_equal(
            tf.gather(names, index), identity, "the identity of a record is not in the manifest"
        )
        with tf.control_dependencies([known]):
            return tf.gather(labels, index)

    return lookup
