//! Tensors of two safetensors files, name by name.

use crate::difference::Part;
use contract::Result;
use nn::failed;
use nn::safetensors_file::{read_each, read_one};
use std::collections::BTreeSet;
use std::path::Path;
use tch::{Kind, TchError, Tensor};

/// How each tensor of either file differs.
pub(super) fn parts(a: &Path, b: &Path) -> Result<Vec<(String, Part)>> {
    let mut parts = Vec::new();
    let mut names = BTreeSet::new();
    read_each(a, |name, one| {
        names.insert(name.to_owned());
        let part = match read_one(b, name)? {
            Some(other) => part(&one, &other).map_err(failed("compare tensors"))?,
            None => Part::Otherwise("only the first has it".to_owned()),
        };
        parts.push((name.to_owned(), part));
        Ok(())
    })?;
    read_each(b, |name, _| {
        if !names.contains(name) {
            parts.push((name.to_owned(), Part::Otherwise("only the second has it".to_owned())));
        }
        Ok(())
    })?;
    Ok(parts)
}

fn part(one: &Tensor, other: &Tensor) -> std::result::Result<Part, TchError> {
    if one.kind() != other.kind() || one.size() != other.size() {
        let words = |tensor: &Tensor| format!("{:?} {:?}", tensor.kind(), tensor.size());
        return Ok(Part::Otherwise(format!("{} → {}", words(one), words(other))));
    }
    if one.numel() == 0 {
        return Ok(Part::Same);
    }
    let (one, other) = (one.f_to_kind(Kind::Double)?, other.f_to_kind(Kind::Double)?);
    // Equal infinities, and two that are not numbers, have no difference that is a number.
    let same = one.f_isclose(&other, 0.0, 0.0, true)?;
    let largest = one.f_sub(&other)?.f_abs()?.f_masked_fill(&same, 0.0)?.f_max()?.f_double_value(&[])?;
    Ok(if largest.is_finite() {
        if largest > 0.0 { Part::By(largest) } else { Part::Same }
    } else {
        Part::Otherwise("a value that is not finite differs".to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tensors_are_compared_by_name_shape_and_number() {
        let folder = tempfile::tempdir().unwrap();
        let write = |file: &str, tensors: &[(&str, Tensor)]| {
            let path = folder.path().join(file);
            Tensor::write_safetensors(tensors, &path).unwrap();
            path
        };
        let same = Tensor::from_slice(&[1.0_f32, f32::NAN, f32::INFINITY]);
        let near = |last: f32| Tensor::from_slice(&[1.0_f32, last]);
        let a = write(
            "a",
            &[("gone", near(0.0)), ("near", near(2.0)), ("same", same.shallow_clone()), ("shape", near(0.0))],
        );
        let b = write(
            "b",
            &[("near", near(2.5)), ("new", near(0.0)), ("same", same), ("shape", Tensor::from_slice(&[1.0_f32]))],
        );
        let mut found = parts(&a, &b).unwrap();
        found.sort_by(|one, other| one.0.cmp(&other.0));
        let names: Vec<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["gone", "near", "new", "same", "shape"]);
        assert_eq!((&found[1].1, &found[3].1), (&Part::By(0.5), &Part::Same));
        assert!([0, 2, 4].into_iter().all(|place| matches!(found[place].1, Part::Otherwise(_))), "{found:?}");
        let lost = write("lost", &[("near", Tensor::from_slice(&[1.0_f32, f32::NAN]))]);
        let (_, part) = parts(&write("whole", &[("near", near(2.0))]), &lost).unwrap().remove(0);
        assert_eq!(part, Part::Otherwise("a value that is not finite differs".to_owned()));
    }
}
