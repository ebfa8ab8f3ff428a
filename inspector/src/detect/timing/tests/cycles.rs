//! Machines that go through the same steps again and again, and texts that do.

use super::*;

/// What a controller does each turn: so many steps of whole multiples of one time.
fn cycle(steps: usize, tick: f64, multiples: u32, noise: &mut Noise) -> Vec<f64> {
    (0..steps).map(|_| tick * (1.0 + (noise.next() * f64::from(multiples)).floor())).collect()
}

/// The cycle, again and again, of which a share of the steps is left out, and a share of the turns begins with one more.
fn turns(cycle: &[f64], left_out: f64, extra: f64, noise: &mut Noise) -> Vec<f64> {
    let mut gaps = Vec::new();
    while gaps.len() < 900 {
        if noise.chance(extra) {
            gaps.push(cycle[0] * 2.0);
        }
        let before = gaps.len();
        gaps.extend(cycle.iter().filter(|_| !noise.chance(left_out)));
        // A machine sleeps for what is left of its turn, or polls on.
        if gaps.len() == before {
            gaps.push(cycle[0]);
        }
    }
    gaps
}

#[test]
fn machines_that_repeat_their_steps_are_silent_however_many() {
    let steps = [4, 5, 6, 8, 12, 16, 24, 32];
    let (mut runs, mut alerted) = (0, Vec::new());
    for steps in steps {
        for (tick, multiples) in [(20.0, 4), (20.0, 8), (50.0, 4), (100.0, 5)] {
            for (left_out, extra) in [(0.0, 0.0), (0.01, 0.0), (0.1, 0.1)] {
                for jitter in [Jitter::Own(0.0), Jitter::Network(0.3)] {
                    for seed in 0..2 {
                        let mut noise = Noise(seed * 31 + 5);
                        let cycle = cycle(steps, tick, multiples, &mut noise);
                        let gaps = turns(&cycle, left_out, extra, &mut noise);
                        runs += 1;
                        if alerts(&judge(17, jittered(&gaps, jitter, &mut noise))) > 0 {
                            alerted.push((steps, tick, multiples, left_out, jitter, seed));
                        }
                    }
                }
            }
        }
    }
    println!("{} of {runs}", alerted.len());
    // A few spell a text of two or three bytes by chance, or vary as much as one with a tenth of their steps left out.
    assert!(alerted.len() * 25 <= runs, "{alerted:?}");
}

#[test]
fn texts_that_repeat_are_found_where_slots_spell_them_or_they_are_long() {
    // Gaps of four lengths each; of texts whose gaps have three, or six, too little is left to tell them from a machine.
    let letters: [&[u8]; 3] = [b"AB", b"EB", b"!H"];
    let mut missed = Vec::new();
    let mut of = |text: &[u8], channel: &dyn Fn(&[bool]) -> Vec<f64>| {
        let bits = text.iter().flat_map(|byte| (0..8).map(move |bit| byte >> (7 - bit) & 1 == 1));
        let bits: Vec<bool> = bits.collect::<Vec<_>>().into_iter().cycle().take(8 * PACKETS).collect();
        let found = judge(17, jittered(&channel(&bits), Jitter::Network(0.3), &mut Noise(5)));
        if alerts(&found) == 0 {
            missed.push(String::from_utf8_lossy(text).into_owned());
        }
    };
    for slot in [20.0, 40.0, 60.0] {
        for text in letters {
            of(text, &slots(slot));
        }
    }
    for place in [0, 30, 60, 90] {
        of(&PROSE[place..place + 100], &several(40.0, 40.0, 2));
    }
    assert_eq!(missed, [""; 0]);
}
