//! Alphabets with gaps of half a second and more, and ordinary timers that have them.

use super::*;

/// An even or odd multiple of half a window, drawn from so many windows: milliseconds (Shah et al., as CCgen has it).
fn parity(half: f64, windows: f64, bits: &[bool], noise: &mut Noise) -> Vec<f64> {
    let gap = |bit: &bool| {
        let multiple = 2.0 * (1.0 + (windows * noise.next()).floor());
        half * if *bit { multiple } else { multiple + 1.0 }
    };
    bits.iter().take(PACKETS).map(gap).collect()
}

#[test]
fn multiples_of_half_a_window_are_found_whatever_the_window() {
    for half in [30.0, 50.0, 100.0, 150.0, 200.0] {
        for windows in [2.0, 3.0, 4.0] {
            for jitter in [0.0, 1.0] {
                let mut noise = Noise(8);
                let bits = bits(false, &mut noise);
                let gaps = parity(half, windows, &bits, &mut noise);
                let found = judge(17, jittered(&gaps, Jitter::Network(jitter), &mut noise));
                assert!(alerts(&found) > 0, "{half} ms, {windows} windows, {jitter}");
            }
        }
    }
}

#[test]
fn timers_of_half_a_second_and_more_are_silent() {
    type Source = Box<dyn Fn(&mut Noise) -> Vec<f64>>;
    // So many polls at the one pace, then at the other.
    let modes = |fast: f64, slow: f64, mean: f64| -> Source {
        Box::new(move |noise| {
            let run = |k: usize, noise: &mut Noise| {
                vec![if k.is_multiple_of(2) { fast } else { slow }; noise.run(mean)]
            };
            (0..400).flat_map(|k| run(k, noise)).take(900).collect()
        })
    };
    let sources: [(&str, Source); 10] = [
        ("a fast poll while busy, a slow one else", modes(200.0, 1000.0, 8.0)),
        ("the same, in short spells", modes(250.0, 1000.0, 4.0)),
        ("a controller that answers after 0.5, 1, 1.5 s", {
            Box::new(|noise| (0..900).map(|_| 500.0 * (1.0 + (3.0 * noise.next()).floor())).collect())
        }),
        ("two sensors", Box::new(|_| together(400.0, 1000.0))),
        ("two sensors out of step", Box::new(|_| together(300.0, 730.0))),
        ("a sensor each second that loses 30 %", Box::new(|noise| lossy(1000.0, 0.3, noise))),
        ("a sensor each 200 ms that loses 30 %", Box::new(|noise| lossy(200.0, 0.3, noise))),
        ("a heartbeat each second, and keystrokes", {
            Box::new(|noise| {
                typed(noise).chunks(5).flat_map(|keys| [keys, &[1000.0, 1000.0]].concat()).collect()
            })
        }),
        ("retries after 200, 400, 800 ms, then a pause", {
            Box::new(|noise| {
                (0..300)
                    .flat_map(|_| {
                        [&[200.0, 400.0, 800.0, 1600.0][..noise.run(1.5).min(4)], &[1000.0]].concat()
                    })
                    .collect()
            })
        }),
        ("a cycle of five", Box::new(|_| [200.0, 500.0, 300.0, 700.0, 400.0].repeat(180))),
    ];
    for (name, source) in sources {
        for jitter in [Jitter::Own(0.0), Jitter::Own(0.02), Jitter::Network(0.5), Jitter::Network(3.0)] {
            for seed in 1..=3 {
                let mut noise = Noise(seed);
                let gaps = jittered(&source(&mut noise), jitter, &mut noise);
                let found = judge(6, gaps);
                let why = found.first().map(|finding| &finding.evidence);
                assert_eq!(alerts(&found), 0, "{name}, {jitter:?}, seed {seed}: {why:?}");
            }
        }
    }
}
