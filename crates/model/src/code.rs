//! The one table of error codes.
//!
//! A code is stable for ever: it is never renumbered and never reused.
//! Crate `text` holds a title and a remedy for each in every language, and a test there fails when one is missing.

/// How the process ends. Stable; anything not listed is a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Exit {
    /// Done, also when the same run was already published.
    Ok = 0,
    /// A bug in osusume.
    Bug = 1,
    /// Wrong command line or pipeline file.
    Usage = 2,
    /// Finished with rejected rows below the limits, and `--strict-exit` was given.
    Rejects = 3,
    /// Input refused or over the limits.
    Input = 10,
    /// Another run holds the lock, or a newer run has been published.
    Locked = 11,
    /// The consent or suppression gate is closed.
    Consent = 12,
    /// The schema does not hold.
    Contract = 13,
    /// Disk, memory or time ran out.
    Resource = 14,
    /// The destination of an export cannot take it.
    Destination = 15,
    /// A quality gate failed: calibration, minimum positives, convergence.
    Quality = 16,
    /// A checksum, model or manifest does not match.
    Integrity = 17,
    /// Nothing to do.
    Nothing = 20,
    /// Stopped by SIGINT.
    Interrupted = 130,
    /// Stopped by SIGTERM.
    Terminated = 143,
}

/// Whether a scheduler should try again without a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// The same command may succeed later.
    Later,
    /// Something must be changed first.
    AfterChange,
}

/// What is known of a code besides its sentences.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CodeInfo {
    /// `E` and four digits.
    pub id: &'static str,
    /// How the process ends when it is not caught.
    pub exit: Exit,
    /// Whether to try again.
    pub retry: Retry,
}

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $name:ident = $id:literal, $exit:ident, $retry:ident;)+) => {
        /// What can go wrong. The documentation of each is for developers; users read crate `text`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code { $($(#[doc = $doc])+ $name,)+ }

        impl Code {
            /// Every code, in order of number.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// Number, exit code and whether to retry.
            pub fn info(self) -> CodeInfo {
                match self { $(Self::$name => CodeInfo { id: $id, exit: Exit::$exit, retry: Retry::$retry },)+ }
            }
        }
    };
}

impl Code {
    /// Whether it is only ever said as a warning: the command goes on, and no process ends with it.
    pub fn is_warning(self) -> bool {
        matches!(
            self,
            Self::TooFewPositives
                | Self::DataEndsEarly
                | Self::TooManyItemsets
                | Self::LevelsCross
                | Self::BeforeJoining
                | Self::InputsUnchanged
                | Self::NoHoldout
                | Self::NothingOffered
                | Self::RecipeWithoutData
                | Self::CopiesLackColumns
                | Self::HouseholdsTooLarge
                | Self::WordsUnknown
                | Self::ChannelUnspoken
                | Self::MarginNegative
                | Self::MarginBelowStep
                | Self::HoldingsOverlap
                | Self::ProbabilityUnusable
                | Self::MinimumMissed
        )
    }
}

codes! {
    /// Broken invariant caught at the top.
    Bug = "E0001", Bug, AfterChange;
    /// A signal asked to stop. Args: none.
    Cancelled = "E0002", Terminated, Later;
    /// The time allowed has passed.
    DeadlinePassed = "E0003", Resource, Later;

    // Inputs: E10xx.
    /// A declared file or glob matches nothing. Args: path.
    FileMissing = "E1001", Input, AfterChange;
    /// The file cannot be opened or read. Args: detail.
    FileUnreadable = "E1002", Input, Later;
    /// The file holds no bytes, no header or no rows. Args: what.
    FileEmpty = "E1003", Input, AfterChange;
    /// A declared column is not in the file. Args: column, columns, suggestion?, delimiter?.
    ColumnMissing = "E1004", Contract, AfterChange;
    /// A header name stands twice. Args: column.
    ColumnTwice = "E1005", Contract, AfterChange;
    /// The file is of another kind than its name or declaration says. Args: found, expected.
    WrongFormat = "E1006", Input, AfterChange;
    /// Bytes that are not valid in the declared encoding. Args: encoding, hint?.
    WrongEncoding = "E1007", Input, AfterChange;
    /// A quoted field is still open at the end of the file.
    UnterminatedQuote = "E1017", Input, AfterChange;
    /// Text stands after a closing quote, or a quote inside an unquoted field. Args: instead?.
    StrayQuote = "E1018", Input, AfterChange;
    /// Too few fields. Args: got, expected, instead?.
    RowTooShort = "E1019", Input, AfterChange;
    /// Too many fields. Args: got, expected, instead?.
    RowTooLong = "E1020", Input, AfterChange;
    /// A record or field above the size limit. Args: bytes, limit.
    RecordTooLarge = "E1021", Input, AfterChange;
    /// A value is not of the declared type. Args: expected, bytes, shape, instead?, format?, times?, flags?.
    WrongType = "E1022", Input, AfterChange;
    /// A required value is absent. Args: instead?.
    ValueMissing = "E1023", Input, AfterChange;
    /// A number or date outside what is allowed. Args: allowed, instead?.
    OutOfRange = "E1024", Input, AfterChange;
    /// The customer is in no customers table. Args: instead?.
    UnknownCustomer = "E1025", Input, AfterChange;
    /// The same customer stands twice with different content. Args: other?.
    ConflictingRows = "E1026", Input, AfterChange;
    /// The product or offer is in no catalogue.
    UnknownProduct = "E1027", Input, AfterChange;
    /// An interval ends before it starts. Args: instead?.
    EndBeforeStart = "E1028", Input, AfterChange;
    /// More rows were rejected than allowed. Args: rejected, read, limit, worst.
    TooManyRejects = "E1030", Input, AfterChange;
    /// The file changed while it was read.
    FileChanged = "E1031", Input, Later;
    /// Parquet content cannot be decoded. Args: detail.
    ParquetDamaged = "E1032", Input, AfterChange;
    /// Compressed content cannot be decoded. Args: detail.
    CompressionDamaged = "E1033", Input, AfterChange;
    /// The column's stored type cannot serve the declared one. Args: found, expected.
    ColumnType = "E1034", Contract, AfterChange;
    /// A row of the header appears again inside the file.
    HeaderRepeated = "E1035", Input, AfterChange;
    /// A NUL or other control byte inside a field. Args: instead?.
    ControlByte = "E1036", Input, AfterChange;
    /// The local time does not exist or exists twice in the zone. Args: zone.
    AmbiguousTime = "E1037", Input, AfterChange;
    /// An item of a table of parents has two. Args: row, first.
    HierarchyConflict = "E1038", Input, AfterChange;
    /// An item of a table of parents is above itself. Args: row.
    HierarchyCircle = "E1039", Input, AfterChange;

    // Configuration: E20xx.
    /// The pipeline file is not valid TOML. Args: detail.
    ConfigSyntax = "E2001", Usage, AfterChange;
    /// An unknown key. Args: key, suggestion?, allowed.
    ConfigUnknownKey = "E2002", Usage, AfterChange;
    /// A value of the wrong kind. Args: key, got, expected.
    ConfigWrongKind = "E2003", Usage, AfterChange;
    /// A value outside what is allowed. Args: key, got, allowed, beside?, suggestion?.
    ConfigNotAllowed = "E2004", Usage, AfterChange;
    /// A required key is missing. Args: key, `needed_by`?.
    ConfigMissingKey = "E2005", Usage, AfterChange;
    /// A name refers to nothing. Args: key, got, allowed, suggestion?.
    ConfigUnknownName = "E2006", Usage, AfterChange;
    /// No as-of date given. Args: none.
    AsOfMissing = "E2007", Usage, AfterChange;
    /// An environment variable or secret file of the configuration is absent. Args: name.
    SecretMissing = "E2008", Usage, AfterChange;
    /// The ladder, prerequisites or exclusions contradict each other. Args: detail?, names?.
    CatalogueContradiction = "E2009", Usage, AfterChange;
    /// The command line is wrong. Args: detail.
    CommandLine = "E2010", Usage, AfterChange;
    /// A world file does not follow its schema. Args: key, detail.
    WorldInvalid = "E2011", Usage, AfterChange;
    /// No offer follows from the file and the tables.
    NoOffers = "E2012", Usage, AfterChange;
    /// A kind of model this version cannot learn. Args: kind, allowed.
    ModelKindUnavailable = "E2013", Usage, AfterChange;
    /// The column to predict does not have two values. Args: column, values.
    TargetNotTwoValued = "E2014", Usage, AfterChange;
    /// A model cannot be written in another format, whose texts cannot hold the name of a column or one of its values. Args: format, name.
    ModelNotConvertible = "E2015", Usage, AfterChange;
    /// An option of the command line has a value the command does not take. Args: option, got, allowed, suggestion?.
    OptionNotAllowed = "E2016", Usage, AfterChange;
    /// An expression over features that cannot be. Args: key, position, got, allowed.
    ConfigExpression = "E2017", Usage, AfterChange;

    // Running and publishing: E30xx.
    /// Another process holds the lock. Args: pid, host, since.
    LockHeld = "E3001", Locked, Later;
    /// A newer run is already published. Args: current, this.
    Fenced = "E3002", Locked, AfterChange;
    /// A file or directory cannot be written. Args: detail.
    CannotWrite = "E3003", Resource, AfterChange;
    /// The disk is full. Args: needed?, free?.
    DiskFull = "E3004", Resource, Later;
    /// The memory budget is too small. Args: budget, needed?, largest?.
    MemoryBudget = "E3005", Resource, AfterChange;
    /// A published file does not match its manifest. Args: what.
    DigestMismatch = "E3006", Integrity, AfterChange;
    /// A file of an unknown or newer format version. Args: found, supported.
    FormatVersion = "E3007", Integrity, AfterChange;
    /// No such run. Args: run, runs.
    RunUnknown = "E3008", Usage, AfterChange;
    /// A file of ours cannot be understood. Args: detail.
    FileDamaged = "E3009", Integrity, AfterChange;
    /// Data could not be forced to the disk; never retried. Args: detail.
    SyncFailed = "E3010", Resource, Later;
    /// Nothing has been published yet.
    NothingPublished = "E3011", Nothing, AfterChange;
    /// The run knows no such customer, who is not named. Args: none.
    CustomerNotInRun = "E3012", Usage, AfterChange;
    /// Several pipelines have published, and none was named. Args: runs.
    RunNotNamed = "E3013", Usage, AfterChange;
    /// This version would decide otherwise than the run did. Args: version.
    RetraceDiffers = "E3014", Integrity, AfterChange;
    /// The tables know no such customer, who is not named. Args: `as_of`.
    CustomerNotInTables = "E3015", Usage, AfterChange;
    /// What if: this can only be asked of another run. Args: key, got?, allowed?, drawn?, lots?, effect?, scored?, ledger?, salt?.
    WhatIfNeedsRun = "E3016", Usage, AfterChange;

    // Learning and deciding: E40xx.
    /// All labels of every offer are 0, or all are 1. Args: offers.
    LabelsConstant = "E4001", Input, AfterChange;
    /// Too little history for one mature label window. Args: first, last, `needed_days`.
    NoMatureLabels = "E4002", Input, AfterChange;
    /// A fit did not converge. Args: offer, iterations, gradient, tolerance.
    NotConverged = "E4003", Quality, AfterChange;
    /// A take was counted as positive in train and in test.
    TakeInTrainAndTest = "E4004", Bug, AfterChange;
    /// Rows read and rows accounted for differ. Args: source, read, accounted.
    CountBalance = "E4005", Bug, AfterChange;
    /// No customer is left to score.
    NoCustomers = "E4006", Input, AfterChange;
    /// The consents are missing, empty or not readable to the last row. Args: detail?.
    ConsentGate = "E4007", Consent, AfterChange;
    /// An offer has too few takes for a model; its rate is shrunk toward the family. Args: positives, needed.
    TooFewPositives = "E4008", Quality, AfterChange;
    /// The tables end long before the run's date. Args: last, days.
    DataEndsEarly = "E4009", Quality, AfterChange;
    /// No column of a plain file can be learned from.
    NoUsableColumns = "E4010", Input, AfterChange;
    /// A file has more frequent itemsets than may be held. Args: limit, count, proposed.
    ItemsetLimit = "E4011", Resource, AfterChange;
    /// A support has more itemsets than allowed; a higher one is used. Args: limit, date, support.
    TooManyItemsets = "E4012", Quality, AfterChange;
    /// Most customers had not arrived before the run's date. Args: source, late, rows.
    MostlyLate = "E4013", Input, AfterChange;
    /// The calibration of an offer did not hold at the newest test; its rate is used. Args: slope?, level?.
    CalibrationGate = "E4014", Quality, AfterChange;
    /// What lies in a basket belongs to several of a level above. Args: level, above, items.
    LevelsCross = "E4015", Quality, AfterChange;
    /// Many rows of a source arrived long after they happened. Args: source, late, rows, days.
    LateArrivals = "E4016", Input, AfterChange;
    /// Many rows of a source happened before their customer joined. Args: source, early, rows.
    BeforeJoining = "E4017", Quality, AfterChange;
    /// A source holds far fewer rows than for the run before. Args: source, read, before, run.
    SourceShrunken = "E4018", Input, AfterChange;
    /// Every file is the one a run of an earlier date read. Args: run.
    InputsUnchanged = "E4019", Quality, Later;

    /// The label window of a run is not over in the tables; its assigned rows are all immature. Args: run, known, needed, rows.
    TooEarly = "E4020", Nothing, Later;
    /// The tables hold much less than when the run was made. Args: what, lost, before.
    TablesShrunken = "E4021", Input, AfterChange;
    /// The run held nobody out, so nothing can be compared. Args: run.
    NoHoldout = "E4022", Quality, AfterChange;
    /// Customers were scored, and none of them is offered anything. Args: customers, reason?, pairs?.
    NothingOffered = "E4023", Quality, AfterChange;
    /// A recipe is asked for and no table has what it is made of. Args: recipe.
    RecipeWithoutData = "E4024", Quality, AfterChange;
    /// Dated copies of a source lack columns that it has today. Args: source, columns.
    CopiesLackColumns = "E4025", Quality, AfterChange;
    /// Values of the column of households that too many customers have to be one. Args: source, households, customers, most.
    HouseholdsTooLarge = "E4026", Quality, AfterChange;
    /// Far fewer refusals than the run before knew. Args: source, refusals, before, run.
    RefusalsLost = "E4027", Consent, AfterChange;
    /// Rows of a source say words that nothing knows. Args: source, column, rows, of, got, allowed.
    WordsUnknown = "E4028", Quality, AfterChange;
    /// No row of the consents names a channel of the run. Args: source, channel, allowed, suggestion?.
    ChannelUnspoken = "E4029", Quality, AfterChange;

    /// Something learned or decided rests on rows that were not known. Args: stage, file, column?, sources.
    LeakProven = "E4030", Quality, AfterChange;
    /// Copies of the files gave something else than the files, so nothing can be proven by changing them. Args: file.
    ProofVoid = "E4031", Quality, AfterChange;
    /// A column knows an outcome too well to have been there before it. Args: source, column?, offer?, signs.
    LeakSuspected = "E4032", Quality, AfterChange;

    /// Offered products earn less than nothing. Args: names.
    MarginNegative = "E4033", Quality, AfterChange;
    /// Steps up a ladder earn less than a step below. Args: names.
    MarginBelowStep = "E4034", Quality, AfterChange;
    /// Holdings of the same customer and product that last at the same time. Args: source, rows, of.
    HoldingsOverlap = "E4035", Quality, AfterChange;
    /// Contacts whose probability is none. Args: source, rows, of.
    ProbabilityUnusable = "E4036", Quality, AfterChange;
    /// A minimum of `decide.capacity` cannot be met. Args: key, min, used, missing, limits?.
    MinimumMissed = "E4037", Quality, AfterChange;

    // Export: E50xx.
    /// A destination file cannot be written. Args: detail.
    ExportFailed = "E5001", Destination, Later;
    /// The key of an export is not unique or is absent. Args: key.
    ExportKey = "E5002", Destination, AfterChange;
    /// A character cannot be written in the profile's encoding. Args: encoding, rows.
    ExportUnmappable = "E5003", Destination, AfterChange;

    // Privacy: E60xx.
    /// The suppression list is missing, empty or not readable to the last row. Args: detail?.
    SuppressionUnread = "E6001", Consent, AfterChange;
    /// Nobody has delivered the suppression list for too long. Args: days, limit, `as_of`.
    SuppressionStale = "E6002", Consent, AfterChange;
    /// The suppression list has lost too many of its customers. Args: found, before, run.
    SuppressionShrunken = "E6003", Consent, AfterChange;
    /// Nobody on the suppression list is a customer. Args: found.
    SuppressionUnmatched = "E6004", Consent, AfterChange;
    /// Something is delivered although a source is of people whom nobody may contact. Args: source, class.
    DataClass = "E6005", Consent, AfterChange;
    /// A source may not be used for the purpose of the pipeline. Args: source, purpose, allowed.
    PurposeForeign = "E6006", Consent, AfterChange;
}

impl Code {
    /// `E` and four digits.
    pub fn id(self) -> &'static str {
        self.info().id
    }

    /// The code with this id, if there is one. Case does not matter.
    pub fn parse(id: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.id().eq_ignore_ascii_case(id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_unique_sorted_and_well_formed() {
        let ids: Vec<&str> = Code::ALL.iter().map(|code| code.id()).collect();
        assert!(ids.windows(2).all(|pair| pair[0] < pair[1]), "sorted and unique");
        for id in ids {
            assert!(id.len() == 5 && id.starts_with('E') && id[1..].bytes().all(|b| b.is_ascii_digit()));
            assert_eq!(Code::parse(&id.to_lowercase()).map(Code::id), Some(id));
        }
    }
}
