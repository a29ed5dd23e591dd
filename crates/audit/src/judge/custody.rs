//! What cells say of customers' files, added up: batches of receipts and of verdicts, and the census of each day.
//!
//! A batch hides whose records it holds, and shows how many. So whoever reads the log can tell what share machines
//! dealt with alone, that no number of a batch was used twice or left out, and that a census says what the batches say.

use std::collections::BTreeMap;

use statement::{BatchRange, CountryCode, Day, OutcomeCounts, Predicate};

use super::{
    Judge,
    asof::AsOf,
    facts::{Fact, Said, Table},
    findings::about,
    homes::Origins,
    types::{CellCounts, Finding, Severity},
};

const ASK: &str = "ask the center; owners of that day compare their receipts";

/// How many records a batch has, and of which outcome if it is one of verdicts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Batch {
    count: u64,
    outcomes: OutcomeCounts,
}

/// What a census claims, as far as batches show it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Claimed {
    receipts: Option<BatchRange>,
    verdicts: Option<BatchRange>,
    received: u64,
    analysed: u64,
    outcomes: OutcomeCounts,
    declined: u64,
    sampled_out: u64,
    one_in_max: u64,
    /// Whether its own rule has that step.
    is_announced: bool,
}

/// Batches by home and number.
type Batches = Table<(CountryCode, u64), Batch>;

/// The tables of this file.
#[derive(Debug, Default)]
pub(super) struct Custody {
    receipts: Batches,
    verdicts: Batches,
    reanalyses: Batches,
    censuses: Table<(CountryCode, Day), Claimed>,
    origins: Table<(CountryCode, Day), Origins>,
}

/// What several batches hold together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Sum {
    batches: u64,
    records: u64,
    outcomes: OutcomeCounts,
}

impl Sum {
    fn add(&mut self, batch: &Batch) {
        let (own, more) = (&mut self.outcomes, batch.outcomes);
        self.batches += 1;
        self.records = self.records.saturating_add(batch.count);
        for (own, more) in [
            (&mut own.clean, more.clean),
            (&mut own.suspicious, more.suspicious),
            (&mut own.malicious, more.malicious),
            (&mut own.anomaly, more.anomaly),
            (&mut own.missealed, more.missealed),
        ] {
            *own = own.saturating_add(more);
        }
    }
}

impl Custody {
    /// Where the samples of each home and day came from, by its censuses.
    pub(super) const fn origins(&self) -> &Table<(CountryCode, Day), Origins> {
        &self.origins
    }

    pub(super) fn add(&mut self, said: Said<'_>) {
        match &said.statement.predicate {
            Predicate::Receipts(batch) => {
                let outcomes = OutcomeCounts::default();
                let fact = said.fact(Batch {
                    count: batch.count,
                    outcomes,
                });
                let table = self.receipts.entry((batch.home.clone(), batch.seq));
                table.or_default().push(fact);
            }
            Predicate::Verdicts(batch) => {
                let fact = said.fact(Batch {
                    count: batch.count,
                    outcomes: batch.outcomes,
                });
                let table = self.verdicts.entry((batch.home.clone(), batch.seq));
                table.or_default().push(fact);
            }
            Predicate::Reanalyses(batch) => {
                let fact = said.fact(Batch {
                    count: batch.count,
                    outcomes: batch.outcomes,
                });
                let table = self.reanalyses.entry((batch.home.clone(), batch.seq));
                table.or_default().push(fact);
            }
            Predicate::Census(census) => {
                let origins = said.fact(Origins {
                    regions: census.regions.keys().map(ToString::to_string).collect(),
                    countries: census.countries.keys().cloned().collect(),
                });
                let table = self.origins.entry((census.home.clone(), census.day));
                table.or_default().push(origins);
                let fact = said.fact(Claimed {
                    receipts: census.receipts,
                    verdicts: census.verdicts,
                    received: census.received,
                    analysed: census.analysed,
                    outcomes: census.outcomes,
                    declined: census.declined,
                    sampled_out: census.sampled_out,
                    one_in_max: census.one_in_max,
                    is_announced: census.sampling.announces(census.one_in_max),
                });
                let table = self.censuses.entry((census.home.clone(), census.day));
                table.or_default().push(fact);
            }
            _ => {}
        }
    }
}

impl AsOf<'_> {
    /// The batches of a home in a range, or in all, that stand: of each number the first.
    fn sum(self, batches: &Batches, home: &CountryCode, range: Option<BatchRange>) -> Sum {
        let (first, last) = range.map_or((0, u64::MAX), |range| (range.first, range.last));
        let mut sum = Sum::default();
        for (_, facts) in batches.range((home.clone(), first)..=(home.clone(), last)) {
            if let Some(fact) = self.all(Some(facts)).next() {
                sum.add(&fact.said);
            }
        }
        sum
    }

    /// What a census must say about a range; nothing if not every batch of it stands.
    fn sum_whole(
        self,
        batches: &Batches,
        home: &CountryCode,
        range: Option<BatchRange>,
    ) -> Option<Sum> {
        let Some(range) = range else {
            return Some(Sum::default());
        };
        let sum = self.sum(batches, home, Some(range));
        let wanted = range.last.checked_sub(range.first)?.checked_add(1)?;
        (sum.batches == wanted).then_some(sum)
    }
}

impl Judge {
    /// What each cell did, by what stands in the log.
    pub(super) fn cells(&self) -> BTreeMap<CountryCode, CellCounts> {
        let view = self.as_of(self.next_index());
        let custody = &self.facts.custody;
        let batches = custody.receipts.keys().chain(custody.verdicts.keys());
        let censuses = custody.censuses.keys().map(|(home, _)| home);
        let mut cells = BTreeMap::new();
        for home in batches.map(|(home, _)| home).chain(censuses) {
            cells.entry(home.clone()).or_insert_with(|| {
                let received = view.sum(&custody.receipts, home, None);
                let analysed = view.sum(&custody.verdicts, home, None);
                CellCounts {
                    received: received.records,
                    analysed: analysed.records,
                    outcomes: analysed.outcomes,
                    batches: received.batches + analysed.batches,
                    ..CellCounts::default()
                }
            });
        }
        for ((home, _), facts) in &custody.censuses {
            let (Some(census), Some(cell)) = (view.all(Some(facts)).next(), cells.get_mut(home))
            else {
                continue;
            };
            cell.censuses += 1;
            cell.declined = cell.declined.saturating_add(census.said.declined);
            cell.sampled_out = cell.sampled_out.saturating_add(census.said.sampled_out);
            cell.one_in_max = cell.one_in_max.max(census.said.one_in_max);
        }
        cells
    }

    /// Numbers of batches that were used twice or left out, and censuses that do not add up.
    pub(super) fn custody_findings(&self) -> Vec<Finding> {
        let view = self.as_of(self.next_index());
        let mut found = Vec::new();
        let custody = &self.facts.custody;
        find_batches(view, "receipts", &custody.receipts, &mut found);
        find_batches(view, "verdicts", &custody.verdicts, &mut found);
        find_batches(view, "second looks", &custody.reanalyses, &mut found);
        // Where the next census of a home goes on, for receipts and for verdicts.
        let mut next: BTreeMap<&CountryCode, [u64; 2]> = BTreeMap::new();
        for ((home, day), facts) in &custody.censuses {
            let mut standing = view.all(Some(facts));
            let Some(census) = standing.next() else {
                continue;
            };
            if let Some(other) = standing.find(|fact| fact.digest != census.digest) {
                let what = format!(
                    "{home} has two censuses of {day}; the other is entry {}",
                    census.at
                );
                let fork = about(other.at, other.digest, "census.fork", Severity::Red);
                found.push(fork.says(what, "believe neither; ask the center"));
            }
            self.find_sums(view, (home, *day), census, &mut found);
            if !census.said.is_announced {
                let what = format!(
                    "{home} took one sample in {} on {day}; the rule that its census names has no such step",
                    census.said.one_in_max
                );
                let amber = about(census.at, census.digest, "census.sampling", Severity::Amber);
                found.push(amber.says(
                    what,
                    "ask the center whether it changed its rule on that day",
                ));
            }
            let next = next.entry(home).or_insert([1; 2]);
            let ranges = [census.said.receipts, census.said.verdicts];
            for (next, range) in next.iter_mut().zip(ranges) {
                let Some(range) = range else { continue };
                if range.first != *next {
                    let what = format!(
                        "the census of {home} for {day} begins with batch {}; the ones before end below {next}",
                        range.first
                    );
                    let amber = about(census.at, census.digest, "census.range", Severity::Amber);
                    found.push(amber.says(what, ASK));
                }
                *next = range.last.saturating_add(1);
            }
        }
        found
    }

    fn find_sums(
        &self,
        view: AsOf<'_>,
        (home, day): (&CountryCode, Day),
        census: &Fact<Claimed>,
        found: &mut Vec<Finding>,
    ) {
        let (custody, claimed) = (&self.facts.custody, census.said);
        let received = view.sum_whole(&custody.receipts, home, claimed.receipts);
        let analysed = view.sum_whole(&custody.verdicts, home, claimed.verdicts);
        let (Some(received), Some(analysed)) = (received, analysed) else {
            let what = format!("the census of {home} for {day} counts batches that do not stand");
            let amber = about(census.at, census.digest, "census.unproven", Severity::Amber);
            found.push(amber.says(what, ASK));
            return;
        };
        let is_right = received.records == claimed.received
            && analysed.records == claimed.analysed
            && analysed.outcomes == claimed.outcomes;
        if !is_right {
            let what = format!(
                "the census of {home} for {day} says {} taken in, {} analysed, {} of them anomalies; its batches \
                 say {}, {}, {}",
                claimed.received,
                claimed.analysed,
                claimed.outcomes.anomaly,
                received.records,
                analysed.records,
                analysed.outcomes.anomaly
            );
            let red = about(census.at, census.digest, "census.sums", Severity::Red);
            found.push(red.says(what, ASK));
        }
    }
}

fn find_batches(view: AsOf<'_>, kind: &str, batches: &Batches, found: &mut Vec<Finding>) {
    let mut next: BTreeMap<&CountryCode, u64> = BTreeMap::new();
    for ((home, seq), facts) in batches {
        let mut standing = view.all(Some(facts));
        let Some(first) = standing.next() else {
            continue;
        };
        if let Some(other) = standing.find(|fact| fact.digest != first.digest) {
            let what = format!(
                "{home} has two batches of {kind} number {seq}; the other is entry {}",
                first.at
            );
            let fork = about(other.at, other.digest, "batch.fork", Severity::Red);
            found.push(fork.says(what, ASK));
        }
        let next = next.entry(home).or_insert(1);
        if seq > next {
            let what = format!(
                "{home} has a batch of {kind} number {seq}, and none of number {next} that counts"
            );
            let gap = about(first.at, first.digest, "batch.gap", Severity::Amber);
            found.push(gap.says(what, ASK));
        }
        *next = seq.saturating_add(1);
    }
}
