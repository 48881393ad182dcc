"""Fine-tuning and distillation of SPLADE models (extra ``train``)."""
