//! Charges as a FOCUS dataset: the FinOps Open Cost and Usage Specification, version 1.2, as CSV by RFC 4180.
//!
//! Every column the specification says must be there stands in it, one optional one, and of the conditional ones those
//! of what was consumed: there are no contracts, commitments, regions or price lists here. What only Kapell knows stands in columns of its
//! own, which the specification begins with `x_`. An amount is told once and exactly; list, contracted and effective
//! cost are the same amount, because the tariff is the only price there is.

use super::{CostKind, Line};
use crate::log::format;
use kapell_model::plan::Lane;
use kapell_model::quantity::Timestamp;

/// The version of the specification.
pub const VERSION: &str = "1.2";

/// The columns, in the order of the lines.
pub const COLUMNS: [&str; 34] = [
    "BilledCost",
    "BillingAccountId",
    "BillingAccountName",
    "BillingAccountType",
    "BillingCurrency",
    "BillingPeriodEnd",
    "BillingPeriodStart",
    "ChargeCategory",
    "ChargeClass",
    "ChargeDescription",
    "ChargeFrequency",
    "ChargePeriodEnd",
    "ChargePeriodStart",
    "ConsumedQuantity",
    "ConsumedUnit",
    "ContractedCost",
    "EffectiveCost",
    "InvoiceIssuerName",
    "ListCost",
    "PricingQuantity",
    "PricingUnit",
    "ProviderName",
    "PublisherName",
    "ServiceCategory",
    "ServiceName",
    "x_Estimated",
    "x_ExamplePrices",
    "x_Flow",
    "x_Fuel",
    "x_Kind",
    "x_Lane",
    "x_Operation",
    "x_Run",
    "x_Step",
];

/// Instants as the specification writes them.
const INSTANT: &str = "%Y-%m-%dT%H:%M:%SZ";

/// The line of column names.
#[must_use]
pub fn head() -> Vec<u8> {
    written(&COLUMNS.map(str::to_owned))
}

/// One charge as a line. `account` is what the charges are billed to: the home. `example` says that the tariff's prices
/// are examples.
#[must_use]
pub fn line(charge: &Line, account: &str, example: bool) -> Vec<u8> {
    let text = |text: &str| safe(text);
    let amount = charge.money.amount.normalize().to_string();
    let (from, until) = period(charge);
    let (consumed, consumed_unit) = consumed(charge);
    let (quantity, unit) = priced(charge);
    let publisher =
        charge.skill.as_ref().and_then(|pin| pin.name.as_str().split(':').next()).unwrap_or(account);
    let service = charge.skill.as_ref().map_or("People", |pin| pin.name.as_str());
    let cells: [String; COLUMNS.len()] = [
        amount.clone(),
        text(account),
        text(account),
        "Home".into(),
        charge.money.currency.to_string(),
        month(charge.at, 1),
        month(charge.at, 0),
        "Usage".into(),
        String::new(),
        text(&description(charge)),
        "Usage-Based".into(),
        until,
        from,
        consumed,
        consumed_unit.into(),
        amount.clone(),
        amount.clone(),
        text(account),
        amount,
        quantity,
        unit.into(),
        text(account),
        text(publisher),
        category(charge.lane).into(),
        text(service),
        charge.estimated.to_string(),
        example.to_string(),
        text(charge.flow.as_str()),
        charge.fuel.to_string(),
        charge.kind.word().into(),
        charge.lane.word().into(),
        text(charge.operation.as_deref().unwrap_or_default()),
        text(charge.run.as_str()),
        text(charge.step.as_str()),
    ];
    written(&cells)
}

/// What was used and in what it is counted, where it was measured.
fn consumed(charge: &Line) -> (String, &'static str) {
    match (&charge.minutes, charge.fuel) {
        (Some(minutes), _) => (minutes.clone(), "Minutes"),
        (None, 0) => (String::new(), ""),
        (None, fuel) => (fuel.to_string(), "Fuel"),
    }
}

/// What the amount is for, one a line: each kind in a unit of its own, so that a sum by unit counts no attempt twice.
fn priced(charge: &Line) -> (String, &'static str) {
    match (&charge.minutes, charge.kind) {
        (Some(minutes), _) => (minutes.clone(), "Minutes"),
        (None, CostKind::Overhead) => ("1".into(), "Attempt Overheads"),
        (None, CostKind::Models) => ("1".into(), "Attempt Model Charges"),
        (None, _) => ("1".into(), "Attempts"),
    }
}

/// What the charge is for, in one clause.
fn description(charge: &Line) -> String {
    let what = match (&charge.skill, &charge.operation) {
        (Some(pin), Some(operation)) => format!("{}#{operation} {}", pin.name, pin.version),
        _ => "a person's decision".into(),
    };
    let kind = match charge.kind {
        CostKind::Work => "Work of",
        CostKind::Models => "Models asked by",
        CostKind::Waste => "Unused work of",
        CostKind::People => "Time for",
        CostKind::Overhead => "Overhead of",
    };
    format!("{kind} {what} in step {} of {}", charge.step, charge.run)
}

/// From its beginning to the first whole second after its end, because the end is not part of a period.
fn period(charge: &Line) -> (String, String) {
    let until = Timestamp((charge.at.0 / 1_000 + 1) * 1_000);
    (format(charge.from, INSTANT), format(until, INSTANT))
}

/// The beginning of the month in UTC, so many months later.
fn month(at: Timestamp, later: i64) -> String {
    use jiff::{ToSpan as _, tz::TimeZone};
    let instant = i64::try_from(at.0).ok().and_then(|at| jiff::Timestamp::from_millisecond(at).ok());
    let first = instant.map(|at| at.to_zoned(TimeZone::UTC).date().first_of_month());
    let moved = first.and_then(|first| first.checked_add(later.months()).ok());
    moved.map_or_else(String::new, |day| format!("{day}T00:00:00Z"))
}

/// The category of the specification that is nearest to a lane.
const fn category(lane: Lane) -> &'static str {
    match lane {
        Lane::Intelligence => "AI and Machine Learning",
        Lane::Logic => "Compute",
        Lane::Judgment => "Other",
        Lane::Systems => "Integration",
    }
}

/// A text no spreadsheet takes for a formula: one that begins like one is written behind an apostrophe.
fn safe(text: &str) -> String {
    match text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']) {
        true => format!("'{text}"),
        false => text.to_owned(),
    }
}

/// One line, quoted where it must be.
fn written(cells: &[String]) -> Vec<u8> {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    // Neither of these can fail: the bytes go to memory.
    let _ = writer.write_record(cells);
    writer.into_inner().unwrap_or_default()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use kapell_model::money::Money;

    fn charge(money: &str) -> Line {
        Line {
            flow: "onboarding".parse().unwrap(),
            run: "onboarding-1".parse().unwrap(),
            step: "facts".parse().unwrap(),
            from: Timestamp(1_798_761_599_250),
            at: Timestamp(1_798_761_599_900),
            skill: Some(kapell_model::plan::SkillPin {
                component: kapell_model::digest::Digest::of(b""),
                name: "acme:reader".parse().unwrap(),
                version: semver::Version::new(1, 2, 3),
            }),
            operation: Some("read".into()),
            lane: Lane::Logic,
            kind: CostKind::Work,
            estimated: false,
            fuel: 1_000,
            minutes: None,
            money: money.parse().unwrap(),
        }
    }

    fn read(bytes: &[u8]) -> Vec<std::collections::BTreeMap<String, String>> {
        let mut reader = csv::Reader::from_reader(bytes);
        let heads = reader.headers().unwrap().clone();
        let rows = reader.records().map(|row| {
            let row = row.unwrap();
            heads.iter().map(str::to_owned).zip(row.iter().map(str::to_owned)).collect()
        });
        rows.collect()
    }

    #[test]
    fn every_column_the_specification_demands_is_there_and_filled() {
        let rows = read(&[head(), line(&charge("0.000000000001 EUR"), "shop", true)].concat());
        let told = rows[0].iter().map(|(name, value)| format!("{name}: {value}")).collect::<Vec<_>>();
        insta::assert_snapshot!(told.join("\n"), @r#"
        BilledCost: 0.000000000001
        BillingAccountId: shop
        BillingAccountName: shop
        BillingAccountType: Home
        BillingCurrency: EUR
        BillingPeriodEnd: 2027-01-01T00:00:00Z
        BillingPeriodStart: 2026-12-01T00:00:00Z
        ChargeCategory: Usage
        ChargeClass: 
        ChargeDescription: Work of acme:reader#read 1.2.3 in step facts of onboarding-1
        ChargeFrequency: Usage-Based
        ChargePeriodEnd: 2027-01-01T00:00:00Z
        ChargePeriodStart: 2026-12-31T23:59:59Z
        ConsumedQuantity: 1000
        ConsumedUnit: Fuel
        ContractedCost: 0.000000000001
        EffectiveCost: 0.000000000001
        InvoiceIssuerName: shop
        ListCost: 0.000000000001
        PricingQuantity: 1
        PricingUnit: Attempts
        ProviderName: shop
        PublisherName: acme
        ServiceCategory: Compute
        ServiceName: acme:reader
        x_Estimated: false
        x_ExamplePrices: true
        x_Flow: onboarding
        x_Fuel: 1000
        x_Kind: work
        x_Lane: logic
        x_Operation: read
        x_Run: onboarding-1
        x_Step: facts
        "#);
    }

    #[test]
    fn no_attempt_is_counted_twice_and_only_what_was_measured_is_consumed() {
        let kinds = [CostKind::Work, CostKind::Overhead, CostKind::Models, CostKind::People];
        let lines = kinds.map(|kind| {
            let fuel = if kind == CostKind::Work { 1_000 } else { 0 };
            let minutes = (kind == CostKind::People).then(|| "3".to_owned());
            line(&Line { kind, fuel, minutes, ..charge("0.1 EUR") }, "shop", false)
        });
        let rows = read(&std::iter::once(head()).chain(lines).collect::<Vec<_>>().concat());
        let of = |column: &str| rows.iter().map(|row| row[column].clone()).collect::<Vec<_>>();
        assert_eq!(of("PricingUnit"), ["Attempts", "Attempt Overheads", "Attempt Model Charges", "Minutes"]);
        assert_eq!(of("ConsumedQuantity"), ["1000", "", "", "3"]);
        assert_eq!(of("ConsumedUnit"), ["Fuel", "", "", "Minutes"]);
    }

    #[test]
    fn lines_read_back_and_sum_to_the_same_money() {
        let charges = ["0.1 EUR", "0.2 EUR", "0.000000000003 EUR"].map(charge);
        let lines = charges.iter().map(|charge| line(charge, "shop", false));
        let rows = read(&std::iter::once(head()).chain(lines).collect::<Vec<_>>().concat());
        let costs = ["BilledCost", "EffectiveCost", "ListCost", "ContractedCost"];
        for column in costs {
            let sum: rust_decimal::Decimal =
                rows.iter().map(|row| row[column].parse::<rust_decimal::Decimal>().unwrap()).sum();
            let known = super::super::summed(&charges, super::super::By::Flow).unwrap();
            let told = Money { amount: sum, currency: "EUR".parse().unwrap() };
            assert_eq!(Some(told), super::super::total(&known), "{column}");
        }
    }

    #[test]
    fn no_text_is_a_formula_or_breaks_out_of_its_cell() {
        for hostile in ["=1+1", "+1", "-1", "@sum", "\t=1", "\r=1", "\n=1", "a\",\"b\r\n=1", "plain"] {
            let charge = Line { operation: Some(hostile.into()), ..charge("1 EUR") };
            let rows = read(&[head(), line(&charge, hostile, false)].concat());
            assert_eq!(rows.len(), 1, "{hostile:?}");
            for column in ["x_Operation", "BillingAccountId", "ProviderName"] {
                let cell = &rows[0][column];
                assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']), "{column} {cell:?}");
                assert!(cell == hostile || *cell == format!("'{hostile}"), "{column} {cell:?}");
            }
        }
    }
}
