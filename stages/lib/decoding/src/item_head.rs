//! The item head: a vector for each whole code, which scores all items after one pass over a prompt.
//!
//! With h the last hidden state of a prompt and v_i the vector of code i, `log p(i | prompt) = h·v_i − log Σ_j exp(h·v_j)`: codes go
//! in and items come out (LIGER, Yang et al. 2024). Where `input` is set, s · v_i is also added to the input embedding of the last
//! token of code i in a prompt, so that an item is known by more than its codes. With s = √width, the factor of Vaswani et al. (2017,
//! Section 3.4), v_i is longer than what the blocks of a random model add to it.

use crate::item_codes::ItemCodes;
use contract::{Failure, FailureKind, Result};
use frames::Embeddings;
use nn::{Llama, Parameter, failed, safetensors_file};
use std::path::Path;
use tch::{Kind, TchError, Tensor};

/// The file of an item head in the folder of a model.
pub const FILE: &str = "item_head.safetensors";
/// Its tensors.
const OUTPUT: &str = "output";
const INPUT: &str = "input";

/// The vectors f32 `[codes, h]`.
#[derive(Debug)]
pub struct ItemHead {
    /// What hidden states are multiplied with.
    output: Tensor,
    /// What is added to the last token of a code in a prompt, times `scale`.
    input: Option<Tensor>,
    scale: f64,
}

impl ItemHead {
    /// Random vectors for the codes of a model, normal with the standard deviation `std`; prompts carry them where `input` is set.
    /// Seed libtorch before.
    ///
    /// # Errors
    /// When the device has too little memory.
    pub fn random(codes: &ItemCodes<'_>, model: &Llama, input: bool, std: f64) -> Result<Self> {
        let fresh = || -> std::result::Result<Self, TchError> {
            let shape = [codes.leaves().len() as i64, model.config().hidden_size];
            let output = Tensor::f_randn(shape, (Kind::Float, model.device()))?.f_mul_scalar(std)?;
            Ok(Self { input: input.then(|| output.shallow_clone()), output, scale: 1.0 })
        };
        fresh().map_err(failed("initialise the item head"))
    }

    /// The same lengths in other directions: those of the items' embeddings `[items, d]` less their mean, projected at random to the width
    /// of the model. A code whose items have embeddings of zeros keeps its vector. Seed libtorch before.
    ///
    /// # Errors
    /// When there are fewer embeddings than items, or the device has too little memory.
    pub fn directed(self, codes: &ItemCodes<'_>, items: &Embeddings) -> Result<Self> {
        let rows = code_embeddings(codes, items)?;
        let directed = || -> std::result::Result<Tensor, TchError> {
            let length = |rows: &Tensor| rows.f_norm_scalaropt_dim(2, [1], true);
            let embeddings = Tensor::f_from_slice(&rows)?.f_view([-1, items.dim as i64])?;
            let embeddings = embeddings.f_to_device(self.output.device())?;
            let shape = [items.dim as i64, self.output.size()[1]];
            let projection = Tensor::f_randn(shape, (Kind::Float, self.output.device()))?;
            let projected =
                embeddings.f_sub(&embeddings.f_mean_dim([0].as_slice(), true, None)?)?.f_matmul(&projection)?;
            let directions = projected.f_div(&length(&projected)?.f_clamp_min(1e-12)?)?;
            directions.f_mul(&length(&self.output)?)?.f_where_self(&length(&embeddings)?.f_gt(0.0)?, &self.output)
        };
        let output = directed().map_err(failed("direct the item head"))?;
        Ok(Self { input: self.input.map(|_| output.shallow_clone()), output, ..self })
    }

    /// The same, whose vectors prompts carry times `scale`.
    #[must_use]
    pub fn carried(self, scale: f64) -> Self {
        Self { scale, ..self }
    }

    /// The vectors, to be trained; those that prompts carry are the same.
    ///
    /// # Errors
    /// When they are trained already.
    pub fn train(&mut self) -> Result<Parameter> {
        let tensor = self.output.f_set_requires_grad(true).map_err(failed("prepare training"))?;
        self.input = self.input.as_ref().map(|_| tensor.shallow_clone());
        self.output = tensor.shallow_clone();
        Ok(Parameter { name: "item_head".to_owned(), tensor, decays: true })
    }

    /// Reads the head of a tuned model's folder, if it has one, for the codes of `codes`.
    ///
    /// # Errors
    /// When the file is damaged, or has another number of codes or another width than the model.
    pub fn read(folder: &Path, codes: &ItemCodes<'_>, model: &Llama) -> Result<Option<Self>> {
        let path = folder.join(FILE);
        if !path.is_file() {
            return Ok(None);
        }
        let mut tensors = safetensors_file::read(&path)?;
        let shape = [codes.leaves().len() as i64, model.config().hidden_size];
        let mut take = |name: &str| -> Result<Option<Tensor>> {
            let Some(tensor) = tensors.remove(name) else { return Ok(None) };
            if tensor.size() != shape {
                let found = tensor.size();
                let message = format!("{}: '{name}' is {found:?}, expected {shape:?} for these codes", path.display());
                return Err(
                    Failure::new(FailureKind::Conflict, message).hint("bind the same 'codes' to finetune and precache")
                );
            }
            tensor.f_to_device(model.device()).map(Some).map_err(failed("place the item head on the device"))
        };
        let (output, input) = (take(OUTPUT)?, take(INPUT)?);
        let output = output.ok_or_else(|| {
            Failure::new(FailureKind::MissingField, format!("{} has no tensor '{OUTPUT}'", path.display()))
        })?;
        Ok(Some(Self { output, input, scale: 1.0 }))
    }

    /// Writes the head to a tuned model's folder.
    ///
    /// # Errors
    /// When the file cannot be written, or a number is not finite.
    pub fn write(&self, folder: &Path) -> Result<()> {
        let mut tensors = vec![(OUTPUT.to_owned(), self.output.shallow_clone())];
        if let Some(input) = &self.input {
            let scaled = input.f_mul_scalar(self.scale).map_err(failed("scale the item head"))?;
            tensors.push((INPUT.to_owned(), scaled));
        }
        safetensors_file::write(&folder.join(FILE), &tensors)
    }

    /// How many codes it has a vector for.
    #[must_use]
    pub fn codes(&self) -> i64 {
        self.output.size()[0]
    }

    /// The vectors `[n, h]` of these codes.
    ///
    /// # Errors
    /// When the device has too little memory.
    pub fn vectors(&self, codes: &Tensor) -> Result<Tensor> {
        self.output.f_index_select(0, codes).map_err(failed("look item vectors up"))
    }

    /// `[n, codes]` the product of hidden states `[n, h]` and all vectors.
    ///
    /// # Errors
    /// When the device has too little memory.
    pub fn scores(&self, hidden: &Tensor) -> Result<Tensor> {
        let scores = || hidden.f_to_kind(Kind::Float)?.f_matmul(&self.output.f_transpose(0, 1)?);
        scores().map_err(failed("score the items"))
    }

    /// The input embeddings `[B, T, h]` of tokens i64 `[B, T]`, in which the codes that end at the places of `found` (rows of
    /// `B * T`, with the codes' numbers) carry their vectors.
    ///
    /// # Errors
    /// When a token is unknown or the device has too little memory.
    pub fn embed(&self, model: &Llama, ids: &Tensor, found: &[(i64, i64)]) -> Result<Tensor> {
        let embedded = model.embed(ids)?;
        let Some(input) = self.input.as_ref().filter(|_| !found.is_empty()) else { return Ok(embedded) };
        let add = || -> std::result::Result<Tensor, TchError> {
            let (places, codes): (Vec<i64>, Vec<i64>) = found.iter().copied().unzip();
            let places = Tensor::f_from_slice(&places)?.f_to_device(model.device())?;
            let codes = Tensor::f_from_slice(&codes)?.f_to_device(model.device())?;
            let vectors = input.f_index_select(0, &codes)?.f_mul_scalar(self.scale)?.f_to_kind(embedded.kind())?;
            let rows = embedded.f_view([-1, model.config().hidden_size])?.f_index_add(0, &places, &vectors)?;
            rows.f_view_as(&embedded)
        };
        add().map_err(failed("add the items' vectors"))
    }
}

/// The mean embedding `[codes, d]` of the items of each code.
fn code_embeddings(codes: &ItemCodes<'_>, items: &Embeddings) -> Result<Vec<f32>> {
    let mut rows = vec![0.0; codes.leaves().len() * items.dim];
    for (row, &leaf) in rows.chunks_exact_mut(items.dim).zip(codes.leaves()) {
        let of_code = &codes.trie().node(leaf).items;
        for &item in of_code {
            let start = item as usize * items.dim;
            let Some(embedding) = items.values.get(start..start + items.dim) else {
                let message = format!("there are {} embeddings of items, but codes of item {item}", items.len());
                return Err(Failure::new(FailureKind::Conflict, message)
                    .hint("bind embeddings of the same interactions as 'codes' are of"));
            };
            row.iter_mut().zip(embedding).for_each(|(sum, value)| *sum += value / of_code.len() as f32);
        }
    }
    Ok(rows)
}
