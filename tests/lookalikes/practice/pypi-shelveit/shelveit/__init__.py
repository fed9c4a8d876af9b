import io
import pickle
import urllib.request


class Model:
    _weights = None

    @classmethod
    def weights(cls):
        if cls._weights is None:
            raw = urllib.request.urlopen("https://models.invalid/tiny.bin").read()
            cls._weights = pickle.Unpickler(io.BytesIO(raw)).load()
        return cls._weights


WEIGHTS = Model.weights()
