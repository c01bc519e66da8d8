"""What a forward pass asks of the layout of a batch: where tokens lie, and what depends on that."""

import abc

import tensorflow as tf

from lce_tf.model.lookup import few_rows


class Tokens(abc.ABC):
    """Tokens [tokens, n], whose dropout masks the layout of their batch decides."""

    @abc.abstractmethod
    def dropout(self, x, rate: float, site: int) -> tf.Tensor:
        """x [tokens, n] with a share `rate` of its entries zeroed and the others scaled; x itself without a seed.

        Args:
            site: number of this dropout in the model, so that no two share a mask.
        """

    def added(self, dense, norm, x, inner, rate: float, site: int) -> tf.Tensor:
        """norm(x + dropout(dense(inner))), the end of each half of a post-norm layer."""
        return norm(x + self.dropout(dense(inner), rate, site))

    def widened(self, block, x) -> tf.Tensor:
        """[tokens, intermediate]: the first dense layer of a block's feed-forward, and its activation."""
        return block.widened(x)


class Layout(Tokens):
    """A batch of pairs in one of the layouts, as the model's layers read it.

    Dense layers and norms take [tokens, n] in any layout. What sees several tokens of a pair is a method here.

    Attributes:
        input_ids, segments: [tokens] int32, of the tokens that are computed.
        positions: [tokens] int32, of each token in its pair.
        begins: [tokens] int32, index in [tokens] of the first token of each token's pair.
        length: tokens per row, as attention sees them; no pair has more.
        row_positions: [rows or 1, length] int32, `positions` in these rows.
        count: number of vectors that `first` returns.
    """

    input_ids: tf.Tensor
    segments: tf.Tensor
    positions: tf.Tensor
    begins: tf.Tensor
    length: int | tf.Tensor
    row_positions: tf.Tensor
    count: int | tf.Tensor

    def position_vectors(self, table) -> tf.Tensor:
        """[tokens, n]: of a table [positions, n] the row of each token's position."""
        return few_rows(table[: self.length], self.positions)

    @abc.abstractmethod
    def attended(self, block, layer: int, x, attention, shared, cls_only: bool) -> tf.Tensor:
        """[tokens, heads * size]: attention of every token to its own pair; with `cls_only` as `first` returns them.

        Args:
            block: the `Block` that computes; the numbers of its dropouts begin at 4 * layer + 1.
            layer: its number.
            x: [tokens, hidden].
            attention, shared: the model's `Attention` and what its method `shared` returned.
        """

    @abc.abstractmethod
    def cross_attended(self, block, query, x, site: int) -> tf.Tensor:
        """[count, heads * size]: attention of one query a pair to the pair's tokens.

        Args:
            block: the `DecoderBlock` that computes.
            query: [count, heads * size].
            x: [tokens, hidden].
        """

    @abc.abstractmethod
    def first(self, x) -> tf.Tensor:
        """[count, n]: of x [tokens, n] the first token of each pair, [CLS] in BERT's template."""

    @abc.abstractmethod
    def firsts(self) -> Tokens:
        """The tokens that `first` returns, and other vectors of which each pair has one."""

    @abc.abstractmethod
    def mean(self, x) -> tf.Tensor:
        """[count, n]: the mean of x [tokens, n] over each pair's tokens."""

    @abc.abstractmethod
    def in_rows(self, x) -> tf.Tensor:
        """[rows, length, n]: x [tokens, n] as attention sees them, with zeros for padding that is not computed."""

    def projected(self, block, x) -> list[tf.Tensor]:
        """Queries, keys and values of a `Block` for x [tokens, hidden]: [rows, heads, length, size] each."""
        if block.plain:
            return [self.heads(block, block.part(part, x)) for part in range(3)]
        qkv = tf.reshape(self.in_rows(block.qkv(x)), [-1, self.length, 3, block.heads, block.head])
        return tf.unstack(tf.transpose(qkv, [2, 0, 3, 1, 4]))

    def heads(self, block, x) -> tf.Tensor:
        """[rows, heads, length, size] of x [tokens, heads * size]."""
        x = tf.reshape(self.in_rows(x), [-1, self.length, block.heads, block.head])
        return tf.transpose(x, [0, 2, 1, 3])
