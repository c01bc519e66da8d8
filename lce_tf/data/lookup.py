"""Where ids stand among millions of others: by 64-bit hashes, a tenth of the time of searching sorted strings."""

import itertools

import numpy as np

from lce_tf.data.rows import id_hashes

# Ids looked up at a time, so that a hundred million of them need little more memory than their rows.
LOOK_UP = 1 << 20


class IdLookup:
    """Finds ids among `ids`, [ids] 'S'; of an id that is there twice either place may be found."""

    def __init__(self, ids: np.ndarray):
        self._ids = np.asarray(ids)
        # Ids of more than eight bytes may share a hash; under another salt these two will not.
        for self._salt in itertools.count():
            hashes = self._hashed(self._ids)
            order = np.argsort(hashes)
            hashes = hashes[order]
            same = np.flatnonzero(hashes[1:] == hashes[:-1])
            if (self._ids[order[same]] == self._ids[order[same + 1]]).all():
                break
        self._hashes, self._order = hashes, order.astype(np.int32 if len(order) < 1 << 31 else np.int64)

    def rows(self, wanted: np.ndarray) -> np.ndarray:
        """[wanted] int64, where each id stands, -1 for nowhere."""
        wanted = np.asarray(wanted).astype(np.bytes_, copy=False)
        rows = np.full(len(wanted), -1)
        if not len(self._ids):
            return rows
        for start in range(0, len(wanted), LOOK_UP):
            part = wanted[start : start + LOOK_UP]
            # Cut to the width of those known; that an id was longer is found out when it is compared.
            hashes = self._hashed(part.astype(self._ids.dtype, copy=False))
            # In the order of the table, so that each search begins where the memory of the one before is at hand.
            order = np.argsort(hashes)
            place = np.empty(len(part), np.int64)
            place[order] = np.searchsorted(self._hashes, hashes[order])
            found = self._order[np.minimum(place, len(self._order) - 1)]
            rows[start : start + LOOK_UP] = np.where(self._ids[found] == part, found, -1)
        return rows

    def _hashed(self, ids: np.ndarray) -> np.ndarray:
        parts = [id_hashes(ids[start : start + LOOK_UP], self._salt) for start in range(0, len(ids), LOOK_UP)]
        return np.concatenate(parts) if parts else np.zeros(0, np.uint64)
