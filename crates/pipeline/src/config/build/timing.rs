//! Rules, triggers, lanes and approaches.

use osusume_decide::Layer;

use super::{At, CHECKED, integer};
use crate::config::settings::{ApproachSetting, ChannelLimit, Effect, Lane, OwnRule, StepSetting, Timing, Trigger};

pub(super) fn timing(at: At) -> Timing {
    Timing {
        rules: at.tables("rule").map(rule).collect(),
        triggers: at.tables("trigger").map(trigger).collect(),
        lanes: at.tables("lane").map(lane).collect(),
        approaches: at.tables("approach").map(|one| approach(one, &at.texts("channels"))).collect(),
        channel_limits: at.tables("channel_limit").map(|limit| channel_limit(limit, &at.texts("channels"))).collect(),
        mandatory: at.texts("mandatory"),
        fatigue: at.node("fatigue").as_list().unwrap_or_default().iter().filter_map(integer).collect(),
    }
}

fn channel_limit(at: At, channels: &[String]) -> ChannelLimit {
    let name = at.text("channel");
    ChannelLimit {
        channel: channels.iter().position(|channel| *channel == name).expect(CHECKED),
        days: at.integer("days"),
        max: at.integer("max"),
    }
}

fn rule(at: At) -> OwnRule {
    let when = at.optional("when");
    OwnRule {
        name: at.text("name"),
        layer: match at.text("layer").as_str() {
            "eligibility" => Layer::Eligibility,
            "applicability" => Layer::Applicability,
            _ => Layer::Suitability,
        },
        offers: at.texts("offers"),
        is_negated: when.is_none(),
        condition: when.or_else(|| at.optional("unless")).expect(CHECKED),
        reason: [at.optional("reason_en"), at.optional("reason_ja")],
    }
}

fn trigger(at: At) -> Trigger {
    Trigger {
        name: at.text("name"),
        condition: at.text("when"),
        offers: at.texts("offers"),
        effect: match at.text("effect").as_str() {
            "date" => Effect::Date { from: at.optional("from"), until: at.optional("until") },
            "expire" => Effect::Expire(at.find("days").and_then(integer).expect(CHECKED)),
            _ => Effect::Unlock,
        },
    }
}

fn approach(at: At, channels: &[String]) -> ApproachSetting {
    let position = |name: String| channels.iter().position(|channel| *channel == name).expect(CHECKED);
    let step = |at: At| StepSetting {
        name: at.text("name"),
        channel: at.optional("channel").map(position),
        wait_days: at.integer("wait_days"),
        makes_offer: at.flag("offer").expect(CHECKED),
    };
    ApproachSetting {
        name: at.text("name"),
        offers: at.texts("offers"),
        steps: at.tables("steps").map(step).collect(),
        stop_when: at.optional("stop_when"),
        stop_after_ignored: at.find("stop_after_ignored").and_then(integer),
        again_days: at.find("again_days").and_then(integer),
    }
}

fn lane(at: At) -> Lane {
    Lane { name: at.text("name"), condition: at.text("when"), offers: at.texts("offers") }
}
