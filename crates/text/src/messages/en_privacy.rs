//! What is said about codes of privacy, in English: E60xx.

use osusume_model::Code;

use super::Message;

pub(super) const MESSAGES: &[Message] = &[
    Message {
        code: Code::SuppressionUnread,
        title: "the suppression list is missing, empty, or not readable to the last row<<: {detail}>>",
        help: &[
            "deliver the list again, every row readable, with the header that `suppression.column` names",
            "where nobody objects, say `suppression.allow_empty = true`",
        ],
        cause: "Whoever stands on the list must not be marketed to. A list that cannot be read to its end may hold anybody, so nobody is scored, and nothing is delivered, until it is there.",
        example: "[suppression]\npath = \"../data/isp/suppressed.csv\"\ncolumn = \"customer_id\"",
    },
    Message {
        code: Code::SuppressionStale,
        title: "the suppression list was last written {days} days before {as_of}; {limit} are allowed",
        help: &["find out why it is no longer delivered; `suppression.max_age_days` says how old it may be"],
        cause: "A list that nobody delivers any more looks like one to which nobody was added. Whoever has objected since would be contacted.",
        example: "[suppression]\nmax_age_days = 7",
    },
    Message {
        code: Code::SuppressionShrunken,
        title: "the suppression list has {found} {found?customer:customers}; run {run} knew {before}",
        help: &[
            "look whether the extract leaves somebody out, and deliver it again",
            "if so many really took their objection back, run once with `--set quality.max_shrink=1`",
        ],
        cause: "An objection that is missing is no longer an objection. A list that has lost more than `quality.max_shrink` of its customers since the run before most likely broke off.",
        example: "suppressed.csv: 1,204 customers last month, 87 today",
    },
    Message {
        code: Code::SuppressionUnmatched,
        title: "none of the {found} {found?customer:customers} on the suppression list is in any table",
        help: &[
            "compare the ids of both: is it the same number, with the same leading zeros and prefix?",
            "where it is meant so, say `suppression.allow_unmatched = true`",
        ],
        cause: "A list of other ids than the tables' suppresses nobody and looks as if it did. Case, width and blanks do not matter; prefixes, leading zeros and other numbers do.",
        example: "suppressed.csv: 17          customers.csv: C000000017",
    },
    Message {
        code: Code::DataClass,
        title: "`{source}` is {class}, so nothing that is made of it may be delivered",
        help: &["take `[[export]]` out of this pipeline, or read the table of known people instead"],
        cause: "Of pseudonymised data one may learn, but not contact the people behind it, match them with their names, or hand them on; anonymous data has nobody to contact. A file for a CRM does just that.",
        example: "[sources.customers]\ndata_class = \"pseudonymised\"",
    },
    Message {
        code: Code::PurposeForeign,
        title: "`{source}` may be used for {allowed}, and not for `{purpose}`",
        help: &["leave the source out, or have its purposes extended by whoever may and write them down in `purposes`"],
        cause: "Personal data may be used for what the people were told, and for nothing else. `pipeline.purpose` says what this pipeline is for, and the source's own list does not name it.",
        example: "[pipeline]\npurpose = \"offers to existing customers\"\n\n[sources.tickets]\npurposes = [\"customer support\"]",
    },
];
