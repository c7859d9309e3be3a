//! Values for programs, a line for each figure: what it is (the mean of several runs), its unit,
//! its name; of several runs also the standard deviation, and that in percent of the mean. Of
//! figures by phase the name tells which. After them come notes, each behind `# `.

use super::Stat;
use super::spread::Spread;
use crate::figures::stat::Figure;

/// The lines.
pub(super) fn separated(stat: &Stat<'_>, separator: u8) -> String {
    let figures = stat.figures();
    let phases = stat.phases().unwrap_or_default();
    let by_phase = phases.iter().flat_map(|phase| {
        let named = |figure: &Figure| Figure {
            name: format!("{} {}", figure.name, phase.which.within()),
            ..figure.clone()
        };
        phase.figures.iter().map(named)
    });
    let figures = figures.into_iter().chain(by_phase);
    let lines = lines(separator, figures.map(|figure| fields(&figure)));
    let notes = stat.notes().into_iter().map(|note| format!("# {note}\n"));
    lines + &notes.collect::<String>()
}

fn fields(figure: &Figure) -> Vec<String> {
    let spread = Spread::of(&figure.values);
    let mut fields = vec![
        spread.mean.to_string(),
        figure.unit.name().to_owned(),
        figure.name.clone(),
    ];
    if let Some(deviation) = spread.deviation {
        fields.push(deviation.to_string());
        let percent = spread.share().map(|share| (share * 100.0).to_string());
        fields.push(percent.unwrap_or_default());
    }
    fields
}

/// Lines of fields. One that has the separator in it stands in quotes.
pub(super) fn lines(separator: u8, lines: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut writer = csv::WriterBuilder::new()
        .delimiter(separator)
        .flexible(true)
        .from_writer(Vec::new());
    for line in lines {
        writer.write_record(line).expect("memory takes everything");
    }
    let bytes = writer.into_inner().expect("memory takes everything");
    String::from_utf8_lossy(&bytes).into_owned()
}
