use crate::Ranks;
use tch::{Device, Kind, Tensor};

/// What each rank gives, of so many.
fn on_all<T: Send>(count: usize, work: impl Fn(&Ranks) -> T + Sync) -> Vec<T> {
    let ranks = Ranks::threads(count);
    std::thread::scope(|scope| {
        let threads: Vec<_> = ranks.iter().map(|ranks| scope.spawn(|| work(ranks))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

/// Numbers of a rank whose sum depends on the order in the last bits.
fn numbers(rank: usize, length: usize) -> Vec<f32> {
    (0..length).map(|place| ((place * 31 + rank * 17) % 101) as f32 * 0.1 + 1e7 * (rank % 2) as f32).collect()
}

#[test]
fn sums_are_in_the_order_of_the_ranks() {
    for (count, length) in [(1, 5), (2, 7), (3, 2), (4, 1001), (2, 0)] {
        let mut expected = numbers(0, length);
        for rank in 1..count {
            expected.iter_mut().zip(numbers(rank, length)).for_each(|(sum, number)| *sum += number);
        }
        let sums = on_all(count, |ranks| {
            let mut numbers = numbers(ranks.rank(), length);
            ranks.sum(&mut numbers).unwrap();
            numbers
        });
        assert!(sums.iter().all(|sum| *sum == expected), "{count} ranks, {length} numbers");
    }
    let few = on_all(3, |ranks| ranks.sum_few([ranks.rank() as f64, 0.5]).unwrap());
    assert_eq!(few, [[3.0, 1.5]; 3]);
}

#[test]
fn tensors_are_summed_in_place_and_taken_from_the_first() {
    let tensors = |ranks: &Ranks| {
        [Tensor::full([2, 3], ranks.rank() as f64 + 1.0, (Kind::Float, Device::Cpu)), Tensor::from_slice(&[0.5_f32])]
    };
    let sums = on_all(2, |ranks| {
        let tensors = tensors(ranks);
        ranks.sum_tensors(&tensors).unwrap();
        tensors.map(|tensor| Vec::<f32>::try_from(tensor.view(-1)).unwrap())
    });
    assert_eq!(sums[0], [vec![3.0; 6], vec![1.0]]);
    assert_eq!(sums[0], sums[1]);
    let taken = on_all(3, |ranks| {
        let tensors = tensors(ranks);
        ranks.tensors_from_first(&tensors).unwrap();
        f64::try_from(tensors[0].sum(Kind::Double)).unwrap()
    });
    assert_eq!(taken, [6.0; 3]);
}

#[test]
fn every_piece_of_work_is_one_ranks() {
    let sizes = [5, 1, 9, 3, 3, 0, 7];
    let parts = on_all(3, |ranks| ranks.part_of(&sizes));
    let mut all = parts.concat();
    all.sort_unstable();
    assert_eq!(all, [0, 1, 2, 3, 4, 5, 6]);
    let loads = parts.iter().map(|part| part.iter().map(|&place| sizes[place]).sum::<usize>());
    assert!(loads.clone().all(|load| (8..=10).contains(&load)), "{:?}", loads.collect::<Vec<_>>());
    assert_eq!(Ranks::alone().part_of(&[2, 1]), [0, 1]);
}

#[test]
fn what_is_given_reaches_whom_it_is_for() {
    let gathered = on_all(2, |ranks| ranks.gather_on_first(vec![ranks.rank() as u8]).unwrap());
    assert_eq!(gathered, [vec![vec![0], vec![1]], Vec::new()]);
    assert_eq!(on_all(2, |ranks| ranks.from_first(&[7 + ranks.rank() as u8]).unwrap()), [vec![7], vec![7]]);
    let agreed =
        on_all(2, |ranks| ranks.agree("the step", 3).is_ok() && ranks.agree("it", ranks.rank() as u64).is_err());
    assert_eq!(agreed, [true, true]);
}
