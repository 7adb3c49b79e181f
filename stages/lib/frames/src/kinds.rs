//! The kinds of artifacts that pass between stages. Two ports may be joined only when their kinds are equal.

/// Who interacted with what: [`Interactions`](crate::Interactions).
pub const INTERACTIONS: &str = "interactions";
/// The titles, descriptions, brands and categories of items: [`Items`](crate::Items).
pub const ITEMS: &str = "items";
/// The original identifiers of users: [`Users`](crate::Users).
pub const USERS: &str = "users";
/// What users wrote about items: [`Reviews`](crate::Reviews).
pub const REVIEWS: &str = "reviews";
/// A vector for each item from behaviour: [`Embeddings`](crate::Embeddings).
pub const ITEM_EMBEDDINGS: &str = "item-embeddings";
/// A vector for each user from behaviour: [`Embeddings`](crate::Embeddings).
pub const USER_EMBEDDINGS: &str = "user-embeddings";
/// A vector for each item from its title and description: [`Embeddings`](crate::Embeddings).
pub const TEXT_EMBEDDINGS: &str = "text-embeddings";
/// The semantic codes of items: [`Codes`](crate::Codes).
pub const CODES: &str = "codes";
/// The code vectors of each level, with what turns embeddings into codes.
pub const CODEBOOK: &str = "codebook";
/// Questions and answers for a language model: [`Prompts`](crate::Prompts).
pub const PROMPTS: &str = "prompts";
/// A language model in the Hugging Face layout.
pub const LANGUAGE_MODEL: &str = "language-model";
/// A LoRA adapter in the PEFT layout, or a whole tuned model.
pub const TUNED_MODEL: &str = "tuned-model";
/// The best items of each user: [`Rankings`](crate::Rankings).
pub const RANKINGS: &str = "rankings";
/// The best items of each user with a validation item, by a model that has not learned it: [`Rankings`](crate::Rankings).
pub const VALIDATION_RANKINGS: &str = "validation-rankings";
/// What users prefer, as text that another program wrote.
pub const PREFERENCES: &str = "preferences";
/// Measures of rankings, as JSON.
pub const METRICS: &str = "metrics";
/// The rank of each test item: [`Ranks`](crate::Ranks).
pub const RANKS: &str = "ranks";
/// What a stage reports about its work, as JSON and charts.
pub const REPORT: &str = "report";
/// A raw file of Amazon reviews.
pub const AMAZON_REVIEWS: &str = "amazon-reviews";
/// A raw file of Amazon metadata.
pub const AMAZON_METADATA: &str = "amazon-metadata";
