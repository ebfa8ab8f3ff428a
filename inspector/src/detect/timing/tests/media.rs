//! Media, uploads and polling as programs pace them, at several settings of each.

use super::*;

type Source = Box<dyn Fn(&mut Noise) -> Vec<f64>>;

/// Speech of a codec with frames of `frame` ms, and a frame of comfort noise each `sid` ms while nobody speaks.
fn silence_suppressed(frame: f64, sid: f64) -> Source {
    Box::new(move |n| {
        let mut gaps = Vec::new();
        while gaps.len() < 900 {
            // Spurts and pauses are about a second each (ITU-T P.59: 1.0 and 1.6 s).
            gaps.extend(vec![frame; n.run(1000.0 / frame)]);
            let pause = n.run(1600.0 / sid);
            // Speech begins at any frame.
            gaps.extend(vec![sid; pause]);
            gaps.push(frame * (1.0 + (n.next() * sid / frame).floor()));
        }
        gaps
    })
}

/// Segments of a stream each `segment` ms, in so many requests of `spacing` ms.
fn segments(segment: f64, requests: f64, spacing: f64) -> Source {
    Box::new(move |n| {
        let mut gaps = Vec::new();
        while gaps.len() < 900 {
            let requests = n.run(requests);
            let mut spent = 0.0;
            for _ in 1..requests {
                let gap = spacing * (0.6 + 0.8 * n.next());
                spent += gap;
                gaps.push(gap);
            }
            gaps.push((segment - spent).max(spacing));
        }
        gaps
    })
}

/// An upload by a bucket that is filled each `tick` ms: as many ticks as the datagram takes of it.
fn bucket(tick: f64, shares: &'static [f64]) -> Source {
    Box::new(move |n| {
        let mut tokens = 0.0;
        let mut sizes = shares.iter().cycle();
        n.next();
        (0..900)
            .map(|_| {
                let need = sizes.next().unwrap();
                let ticks = f64::max(1.0, f64::ceil(need - tokens));
                tokens += ticks - need;
                tick * ticks
            })
            .collect()
    })
}

/// A job each `period` ms that asks so many times, `spacing` ms apart and late by a delay.
fn jobs(period: f64, questions: usize, spacing: f64, late: f64) -> Source {
    Box::new(move |n| {
        (0..400)
            .flat_map(|_| {
                let within = vec![spacing; questions - 1];
                let rest = period - spacing * (questions - 1) as f64 + late * n.next();
                [within, vec![rest]].concat()
            })
            .take(900)
            .collect()
    })
}

/// A meter that reports what changed, looked at each `tick` ms, with `chance` of a change.
fn on_change(tick: f64, chance: f64) -> Source {
    Box::new(move |n| ticks(tick, &[chance * 0.5, chance, chance * 1.5], n))
}

#[test]
fn paced_media_uploads_and_jobs_are_silent() {
    let mut sources: Vec<(String, Source)> = Vec::new();
    for (frame, sid) in [(20.0, 160.0), (20.0, 400.0), (30.0, 240.0), (60.0, 480.0), (20.0, 100.0)] {
        sources.push((format!("speech {frame}/{sid}"), silence_suppressed(frame, sid)));
    }
    for segment in [1000.0, 2000.0, 4000.0, 6000.0] {
        for requests in [1.5, 3.0, 8.0] {
            sources.push((format!("segments {segment} {requests}"), segments(segment, requests, 60.0)));
        }
    }
    for tick in [20.0, 50.0, 100.0] {
        sources.push((format!("bucket {tick}, one size"), bucket(tick, &[1.4])));
        sources.push((
            format!("bucket {tick}, chunks of a file"),
            bucket(tick, &[1.4, 1.4, 1.4, 1.4, 1.4, 0.3]),
        ));
        sources.push((format!("one change in ten {tick}"), on_change(tick, 0.1)));
    }
    for (period, questions) in [(1000.0, 3), (5000.0, 4), (500.0, 2), (2000.0, 10)] {
        for late in [0.0, 20.0] {
            sources.push((format!("jobs {period} {questions} {late}"), jobs(period, questions, 100.0, late)));
        }
    }
    let mut alerted = Vec::new();
    for (name, source) in &sources {
        for jitter in [Jitter::Own(0.0), Jitter::Own(0.02), Jitter::Network(0.3), Jitter::Network(2.0)] {
            for seed in 1..=3 {
                let mut noise = Noise(seed);
                let gaps = jittered(&source(&mut noise), jitter, &mut noise);
                if let Some(found) = judge(17, gaps).iter().find(|found| found.severity.is_alert()) {
                    alerted.push((name, jitter, seed, found.signature.title));
                }
            }
        }
    }
    assert!(alerted.is_empty(), "{alerted:#?}");
}
