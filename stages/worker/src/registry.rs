//! The stages that this worker knows.

use contract::Erased;
use std::sync::LazyLock;

/// All stages, in the order in which a pipeline uses them.
pub(crate) static STAGES: LazyLock<Vec<Erased>> = LazyLock::new(|| {
    vec![
        Erased::of::<sample::Sample>(),
        Erased::of::<ingest::Ingest>(),
        Erased::of::<dccf::Dccf>(),
        Erased::of::<cooccurrence::Cooccurrence>(),
        Erased::of::<text::TextEmbedding>(),
        Erased::of::<codebook::Codebook>(),
        Erased::of::<llama::SmallLlama>(),
        Erased::of::<tasks::Tasks>(),
        Erased::of::<finetune::Finetune>(),
        Erased::of::<precache::Precache>(),
        Erased::of::<baselines::Popularity>(),
        Erased::of::<baselines::MarkovChain>(),
        Erased::of::<baselines::ItemKnn>(),
        Erased::of::<baselines::TextKnn>(),
        Erased::of::<sequential::Sasrec>(),
        Erased::of::<sequential::Bert4rec>(),
        Erased::of::<sequential::Fmlp>(),
        Erased::of::<sequential::Gru4rec>(),
        Erased::of::<generative::Tiger>(),
        Erased::of::<generative::P5>(),
        Erased::of::<blend::Blend>(),
        Erased::of::<metrics::Metrics>(),
    ]
});
