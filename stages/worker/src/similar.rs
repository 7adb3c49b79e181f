//! Items like an item: by the vectors that codes were made from, and by the codes.

use contract::Result;
use frames::{Codes, Embeddings};
use tch::{Kind, TchError, Tensor};

/// How many items are compared with all others at once.
const BLOCK: i64 = 512;

/// For each item the `count` others of the highest cosine, highest first.
///
/// # Errors
/// When there is too little memory.
pub(crate) fn nearest_by_embedding(items: &Embeddings, count: usize) -> Result<Vec<Vec<u32>>> {
    nearest(items, count).map_err(nn::failed("compare embeddings"))
}

fn nearest(items: &Embeddings, count: usize) -> std::result::Result<Vec<Vec<u32>>, TchError> {
    let rows = items.len() as i64;
    let vectors = Tensor::f_from_slice(&items.values)?.f_view([rows, items.dim as i64])?;
    let norms = vectors.f_norm_scalaropt_dim(2.0, [1_i64].as_slice(), true)?.f_clamp_min(f64::MIN_POSITIVE)?;
    let vectors = vectors.f_div(&norms)?;
    // One more, since the nearest to an item is the item.
    let wanted = (count as i64 + 1).min(rows);
    let mut lists = Vec::with_capacity(items.len());
    for start in (0..rows).step_by(BLOCK as usize) {
        let block = vectors.f_narrow(0, start, BLOCK.min(rows - start))?;
        let (_, nearest) = block.f_matmul(&vectors.f_transpose(0, 1)?)?.f_topk(wanted, 1, true, true)?;
        let nearest = Vec::<i64>::try_from(nearest.f_to_kind(Kind::Int64)?.f_contiguous()?.f_view(-1)?)?;
        for (own, row) in (start..).zip(nearest.chunks_exact(wanted as usize)) {
            lists.push(row.iter().filter(|&&other| other != own).take(count).map(|&other| other as u32).collect());
        }
    }
    Ok(lists)
}

/// For each item the `count` others with the longest common beginning of codes, those in the order of codes nearest first.
/// Items that do not share the first code are left out.
pub(crate) fn nearest_by_codes(codes: &Codes, count: usize) -> Vec<Vec<u32>> {
    let mut sorted: Vec<(Vec<u32>, u32)> =
        (0_u32..).take(codes.items()).map(|item| (codes.of(item as usize), item)).collect();
    sorted.sort_unstable_by(|one, other| {
        (&one.0, recommender::tie_order(one.1)).cmp(&(&other.0, recommender::tie_order(other.1)))
    });
    let shared = |one: usize, other: usize| {
        sorted[one].0.iter().zip(&sorted[other].0).take_while(|(one, other)| one == other).count()
    };
    let mut lists = vec![Vec::new(); codes.items()];
    for (place, (_, item)) in sorted.iter().enumerate() {
        // Neighbours in this order share the more, the nearer they are, on either side.
        let (mut before, mut after) = (place.checked_sub(1), Some(place + 1).filter(|next| *next < sorted.len()));
        let list = &mut lists[*item as usize];
        while list.len() < count {
            let left = before.map_or(0, |other| shared(place, other));
            let right = after.map_or(0, |other| shared(place, other));
            let (next, is_left) = match (before, after) {
                (Some(other), _) if left >= right && left > 0 => (other, true),
                (_, Some(other)) if right > 0 => (other, false),
                _ => break,
            };
            list.push(sorted[next].1);
            if is_left {
                before = next.checked_sub(1);
            } else {
                after = Some(next + 1).filter(|next| *next < sorted.len());
            }
        }
    }
    lists
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_by_cosine_do_not_depend_on_length_and_leave_the_item_out() {
        let items = Embeddings { dim: 2, values: vec![1.0, 0.0, 5.0, 0.5, 0.0, 2.0, -1.0, 0.1] };
        assert_eq!(nearest_by_embedding(&items, 2).unwrap(), [vec![1, 2], vec![0, 2], vec![1, 3], vec![2, 1]]);
        assert_eq!(nearest_by_embedding(&items, 9).unwrap()[0], [1, 2, 3]);
    }

    #[test]
    fn neighbours_by_codes_share_the_longest_beginning_first() {
        // Codes 00, 01, 01, 10, 20.
        let codes = Codes { levels: vec![vec![0, 0, 0, 1, 2], vec![0, 1, 1, 0, 0]] };
        let lists = nearest_by_codes(&codes, 3);
        assert_eq!((lists[1].as_slice(), lists[2].as_slice()), (&[2, 0][..], &[1, 0][..]));
        assert_eq!(lists[0].len(), 2);
        assert!(lists[3].is_empty() && lists[4].is_empty());
        assert_eq!(nearest_by_codes(&codes, 1)[2], [1]);
    }
}
