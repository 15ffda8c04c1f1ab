use super::*;

#[test]
fn every_kept_text_is_taken_by_its_target() {
    for target in Target::ALL {
        let corpus = Corpus::load(target).unwrap();
        assert!(!corpus.texts.is_empty(), "{target:?}");
        for text in &corpus.texts {
            target.take(text);
        }
    }
}

#[test]
fn some_hundred_mutations_of_each_corpus_are_taken() {
    for target in Target::ALL {
        let corpus = Corpus::load(target).unwrap();
        let mut mutator = Mutator::new(1, target.words());
        for _ in 0..300 {
            target.take(&mutator.text(&corpus.texts));
        }
    }
}

#[test]
fn the_same_seed_makes_the_same_texts() {
    let corpus = ["{{ config['a'] }}".to_owned(), "x".to_owned()];
    let made = |seed| {
        let mut mutator = Mutator::new(seed, Target::Interpolation.words());
        (0..50).map(|_| mutator.text(&corpus)).collect::<Vec<_>>()
    };
    assert_eq!(made(7), made(7));
    assert_ne!(made(7), made(8));
}
