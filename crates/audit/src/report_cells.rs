//! What is said of cells: what they did, the share that no person has to look at, and whom they turned away.

use serde_json::Value;
use statement::CountryCode;

use crate::judge::CellCounts;
use crate::report::grouped;

/// A cell for programs.
pub(crate) fn cell_json(home: &CountryCode, cell: &CellCounts) -> Value {
    serde_json::json!({
        "home": home, "received": cell.received, "analysed": cell.analysed, "outcomes": cell.outcomes,
        "automatic_share": cell.automatic_share(),
        "turned_away": {
            "censuses": cell.censuses, "declined": cell.declined, "sampled_out": cell.sampled_out,
            "one_in_max": cell.one_in_max,
        },
    })
}

/// What a cell did, and the share that no person has to look at.
pub(crate) fn cell_of(home: &CountryCode, cell: &CellCounts) -> String {
    let said = cell.outcomes;
    let mut text = format!(
        "{home}: {} files taken in, {} analysed: {} clean, {} suspicious, {} malicious, {} anomalies, {} missealed",
        grouped(cell.received),
        grouped(cell.analysed),
        grouped(said.clean),
        grouped(said.suspicious),
        grouped(said.malicious),
        grouped(said.anomaly),
        grouped(said.missealed),
    );
    if let Some(share) = cell.automatic_share() {
        text += &format!("; by machines alone {:.2} %", share * 100.0);
    }
    text += "; ";
    text += &turned_away_of(cell);
    text
}

/// What the numbers of a cell leave out. No batch shows it, so it is said whose word it is.
fn turned_away_of(cell: &CellCounts) -> String {
    let (declined, sampled_out) = (grouped(cell.declined), grouped(cell.sampled_out));
    match (cell.censuses, cell.sampled_out) {
        (0, _) => "nobody said how many were turned away".to_owned(),
        (days, 0) => format!(
            "turned away, as {} censuses claim: {declined}, sampled out none",
            grouped(days)
        ),
        (days, _) => format!(
            "turned away, as {} censuses claim: {declined}, and {sampled_out} sampled out, at the steepest 1 in {}",
            grouped(days),
            grouped(cell.one_in_max)
        ),
    }
}
