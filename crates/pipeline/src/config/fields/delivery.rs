//! What leaves a run, what a proof takes as known, and where a run works: `export`, `report`, `prove` and `run`.

use super::super::field::Default::{Absent, Is, Required};
use super::super::field::Field;
use super::super::field::Kind::{AutoOr, Choice, Integer, Map, Table, Tables, Text};
use super::super::words::Form;
use super::{PROFILES, SIGNS};

/// The keys, in the order of the reference.
pub(super) const FIELDS: &[Field] = &[
    Field::new("export", Tables, Is("[]"), "Where the published offers are delivered to."),
    Field::new(
        "export[].profile",
        Choice(PROFILES),
        Required,
        "The form of the file: the table as it is, or as a CRM takes it.",
    ),
    Field::new(
        "export[].profile_file",
        Text,
        Absent,
        "A profile file laid over the profile: encoding, headers, columns, limits; `docs/delivery-profiles.md` lists its keys.",
    )
    .form(Form::Some),
    Field::new("export[].path", Text, Required, "The file to write; a relative path starts at the folder of the pipeline file.")
        .form(Form::Some),
    Field::new("report", Table, Is("{}"), "What is said of a run."),
    Field::new("report.language", Choice(&["en", "ja"]), Is("\"en\""), "The language of reasons and reports."),
    Field::new(
        "report.names",
        Map(&Text),
        Is("{}"),
        "What sentences call the names in your tables (attributes, metrics, topics, families), as `traffic_gb = \"data used\"`; \
         a name that is not listed stands as it is.",
    )
    .form(Form::Some),
    Field::new("prove", Table, Is("{}"), "What `osusume prove leakage` takes as known; nothing here changes a result."),
    Field::new(
        "prove.known",
        Tables,
        Is("[]"),
        "Signs of a leak that you looked into and found to be none. They are told with your reason and no longer end the command.",
    ),
    Field::new("prove.known[].source", Text, Required, "The source the sign is told of."),
    Field::new("prove.known[].sign", Choice(SIGNS), Absent, "Only signs of this kind; without it every kind of `column`."),
    Field::new(
        "prove.known[].column",
        Text,
        Absent,
        "Only signs of this feature or column, as the proof names it; without it every one of the source of kind `sign`.",
    )
    .form(Form::Some),
    Field::new("prove.known[].offer", Text, Absent, "Only signs about this offer, by its key; without it about every one.")
        .form(Form::Some),
    Field::new("prove.known[].because", Text, Required, "Why it is no leak: who fills the column, and when.").form(Form::Some),
    Field::new("run", Table, Is("{}"), "Where and with what a run works; nothing here changes a result."),
    Field::new(
        "run.directory",
        Text,
        Is("\"../runs\""),
        "The folder that holds `<pipeline>/<run>/`; a relative path starts at the folder of the pipeline file.",
    )
    .form(Form::Some),
    Field::new(
        "run.threads",
        AutoOr(&Integer),
        Is("\"auto\""),
        "Threads to use; `auto` takes what the machine or container allows, and `--threads` goes before it.",
    )
    .unit("threads")
    .between(1.0, 1024.0),
    Field::new(
        "run.memory",
        AutoOr(&Text),
        Is("\"auto\""),
        "Memory to keep within; `auto` takes a share of what the machine or container has, and `--memory` goes before it.",
    )
    .form(Form::Size),
];
