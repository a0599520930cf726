"""Model architectures of our own, for transformers and sentence-transformers to open like any other.

`import indexer.architectures` is enough: afterwards `AutoModel`, `AutoModelForMaskedLM` and `SentenceTransformer(folder)`
know the `model_type` that such a folder names. The class comes from here, never from code in the folder. `alibi` is the
arithmetic of the distance penalty, `alibi_bert` the model around it, `masked_head` what guesses masked words on top of
any encoder.
"""

from transformers import AutoConfig, AutoModel, AutoModelForMaskedLM

from indexer.architectures.alibi import slopes
from indexer.architectures.alibi_bert import AlibiBertConfig, AlibiBertForMaskedLM, AlibiBertModel
from indexer.architectures.masked_head import MaskedHead

AutoConfig.register(AlibiBertConfig.model_type, AlibiBertConfig, exist_ok=True)
AutoModel.register(AlibiBertConfig, AlibiBertModel, exist_ok=True)
AutoModelForMaskedLM.register(AlibiBertConfig, AlibiBertForMaskedLM, exist_ok=True)

__all__ = ["AlibiBertConfig", "AlibiBertForMaskedLM", "AlibiBertModel", "MaskedHead", "slopes"]
