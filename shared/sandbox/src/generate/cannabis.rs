//! Metrc's rows, in its own capitals and in Stashstock's.

use jiff::tz::TimeZone;

use super::{Draft, Rendered};
use crate::account::{Credentials, Facility, Stamps, Stream};
use crate::dice::Dice;
use crate::json::{Object, array, quoted};

/// Metrc's word for "never" or "unknown".
const SENTINEL: &str = "0001-01-01T00:00:00+00:00";
const STRAINS: &[&str] = &["Blue Dream", "OG Kush", "Gelato #41", "Jalapeño Haze", "Sour \"D\""];
const ROOMS: &[&str] = &["Veg Room 1", "Flower Room 2", "Dry Room", "Vault", "Mother Room"];

pub(super) fn render(draft: &Draft<'_>) -> Rendered {
    let Some(facility) = place(draft) else {
        return Rendered {
            id: draft.ordinal.to_string(),
            number: draft.ordinal,
            facility: "",
            list: "",
            body: "{}".to_owned(),
        };
    };
    let (number, list) = (number(draft), list(draft));
    let stamp = stamp(draft, facility);
    let body = match (draft.account.credentials, draft.stream) {
        (Credentials::Stashstock { .. }, _) => stash_plant(draft, number, list, &stamp),
        (_, Stream::Packages) => package(draft, number, list, &stamp),
        (_, Stream::Harvests) => harvest(draft, number, list, &stamp),
        _ => plant(draft, number, list, &stamp),
    };
    Rendered { id: number.to_string(), number, facility: facility.license, list, body }
}

/// Rows are dealt in turn to the facilities that may have them.
fn place(draft: &Draft<'_>) -> Option<&'static Facility> {
    let may = |facility: &&Facility| facility.grows || draft.stream == Stream::Packages;
    let count = draft.account.facilities.iter().filter(may).count().max(1);
    let turn = usize::try_from(draft.ordinal).unwrap_or(0) % count;
    draft.account.facilities.iter().filter(may).nth(turn)
}

fn number(draft: &Draft<'_>) -> i64 {
    let base = match draft.stream {
        Stream::Packages => 5_000_000,
        Stream::Harvests => 8_000_000,
        _ => 1_000_000,
    };
    // Ids grow with age, in steps, and say nothing about the last change.
    base + draft.ordinal * 3
}

/// Rows move down their lists as they age and never come back.
fn list(draft: &Draft<'_>) -> &'static str {
    let lists = draft.stream.lists();
    let last = lists.len().saturating_sub(1);
    let born = usize::try_from(draft.dice().below(6)).unwrap_or(0);
    let age = usize::try_from(draft.revision).unwrap_or(last);
    lists.get(born.saturating_sub(2).saturating_add(age).min(last)).copied().unwrap_or_default()
}

fn stamp(draft: &Draft<'_>, facility: &Facility) -> String {
    if draft.revision == 0 && draft.dice_now().permille(10) {
        return SENTINEL.to_owned();
    }
    match facility.stamps {
        Stamps::SevenDigits => draft.updated.seven_digits(),
        Stamps::LocalSeconds => draft.updated.local_seconds(&facility.time_zone()),
    }
}

fn label(dice: &mut Dice, ordinal: i64) -> String {
    format!("1A4FF0{:010X}{ordinal:08}", dice.below(1 << 40))
}

fn planted(draft: &Draft<'_>) -> String {
    draft.created.date(&TimeZone::UTC)
}

fn plant(draft: &Draft<'_>, number: i64, list: &str, stamp: &str) -> String {
    let mut dice = draft.dice();
    let gone = list == "inactive";
    let day = planted(draft);
    Object::new()
        .raw("Id", number)
        .text("Label", &label(&mut dice, draft.ordinal))
        .text("State", if gone { "Destroyed" } else { "Tracked" })
        .text("GrowthPhase", if list == "vegetative" { "Vegetative" } else { "Flowering" })
        .raw("GroupTagTypeMax", 0)
        .raw("TagTypeMax", 0)
        .raw("PlantBatchId", 40_000 + draft.ordinal / 25)
        .text("PlantBatchName", &format!("Batch {}", draft.ordinal / 25))
        .raw("PlantBatchTypeId", 1)
        .text("PlantBatchTypeName", "Clone")
        .raw("StrainId", dice.between(1, 60))
        .text("StrainName", dice.pick(STRAINS))
        .raw("LocationId", dice.between(1, 20))
        .text("LocationName", dice.pick(ROOMS))
        .null("LocationTypeName")
        .null("SublocationId")
        .null("PatientLicenseNumber")
        .null("HarvestId")
        .null("HarvestedUnitOfWeightName")
        .raw("HarvestedWetWeight", if gone { "412.5000" } else { "null" })
        .raw("HarvestCount", draft.revision)
        .raw("IsOnHold", list == "onhold")
        .text("PlantedDate", &day)
        .maybe("VegetativeDate", Some(&day))
        .maybe("FloweringDate", (list != "vegetative").then_some(day.as_str()))
        .null("HarvestedDate")
        .maybe("DestroyedDate", gone.then_some(day.as_str()))
        .maybe("DestroyedNote", gone.then_some("Mould / waste"))
        .null("ClonedCount")
        .text("LastModified", stamp)
        .close()
}

fn stash_plant(draft: &Draft<'_>, number: i64, list: &str, stamp: &str) -> String {
    let mut dice = draft.dice();
    let phase = if list == "vegetative" { "Vegetative" } else { "Flowering" };
    Object::new()
        .raw("id", number)
        .text("label", &label(&mut dice, draft.ordinal))
        .text("state", if list == "inactive" { "Destroyed" } else { "Tracked" })
        .text("growthPhase", phase)
        .text("strainName", dice.pick(STRAINS))
        .text("locationName", dice.pick(ROOMS))
        .text("plantedDate", &planted(draft))
        .null("harvestedDate")
        .raw("isOnHold", list == "onhold")
        .raw("revision", draft.revision)
        .text("lastModified", stamp)
        .close()
}

fn package(draft: &Draft<'_>, number: i64, list: &str, stamp: &str) -> String {
    let (mut dice, mut now) = (draft.dice(), draft.dice_now());
    let item = Object::new()
        .raw("Id", dice.between(1, 400))
        .text("Name", dice.pick(STRAINS))
        .text("ProductCategoryName", "Buds");
    Object::new()
        .raw("Id", number)
        .text("Label", &label(&mut dice, draft.ordinal))
        .text("PackageType", "Product")
        .raw("SourceHarvestCount", 1)
        .text("LocationName", dice.pick(ROOMS))
        .raw("Quantity", format!("{}.0000", now.below(5_000)))
        .text("UnitOfMeasureName", "Grams")
        .raw("Item", item.close())
        .null("Note")
        .text("PackagedDate", &planted(draft))
        .text("LabTestingState", now.pick(&["NotSubmitted", "TestPassed", "SubmittedForTesting"]))
        .raw("IsOnHold", list == "onhold")
        .maybe("FinishedDate", (list == "inactive").then_some("2026-01-01"))
        .text("LastModified", stamp)
        .close()
}

fn harvest(draft: &Draft<'_>, number: i64, list: &str, stamp: &str) -> String {
    let (mut dice, mut now) = (draft.dice(), draft.dice_now());
    let strains = array(&[format!(r#"{{"Name":{}}}"#, quoted(dice.pick(STRAINS)))]);
    Object::new()
        .raw("Id", number)
        .text("Name", &format!("Harvest {} {}", planted(draft), draft.ordinal))
        .text("HarvestType", dice.pick(&["WholePlant", "Manicure"]))
        .raw("Strains", strains)
        .text("DryingLocationName", "Dry Room")
        .raw("CurrentWeight", format!("{}.25", now.below(9_000)))
        .raw("TotalWasteWeight", "0.0")
        .raw("PlantCount", dice.between(1, 80))
        .raw("TotalWetWeight", format!("{}.5", dice.below(20_000)))
        .raw("PackageCount", draft.revision)
        .text("UnitOfWeightName", "Grams")
        .null("LabTestingState")
        .raw("IsOnHold", list == "onhold")
        .text("HarvestStartDate", &planted(draft))
        .null("FinishedDate")
        .text("LastModified", stamp)
        .close()
}
