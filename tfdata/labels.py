"""From identities to labels within tf.data, without a table.

A table is a resource, and where TensorFlow's operations are to be deterministic, tf.data runs what
touches a resource one batch after the other and nothing ahead: a training then waits for its input.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import tensorflow as tf

from tfdata.manifest import Person

_BUCKETS = 2**62


def labeller(people: Mapping[str, Person]) -> Callable[[tf.Tensor], tf.Tensor]:
    """A function from identities, str [batch], to labels, int64 [batch].

    The name is looked for among the sorted hashes of all, and compared. Where somebody is none of
    these people, the function's graph raises InvalidArgumentError.
    """
    names = tf.constant(list(people))
    labels = tf.constant([person.label for person in people.values()], tf.int64)
    hashes = tf.strings.to_hash_bucket_fast(names, _BUCKETS)
    order = tf.argsort(hashes)
    names, labels, hashes = (tf.gather(x, order) for x in (names, labels, hashes))

    def label_of(identity: tf.Tensor) -> tf.Tensor:
        place = tf.searchsorted(hashes, tf.strings.to_hash_bucket_fast(identity, _BUCKETS))
        place = tf.minimum(place, len(people) - 1)
        known = tf.debugging.assert_equal(
            tf.gather(names, place), identity, "a record names nobody of its manifest"
        )
        with tf.control_dependencies([known]):
            return tf.gather(labels, place)

    return label_of
