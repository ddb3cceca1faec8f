use crate::engine::baseline::{
    ABOVE_ALARM, ABOVE_LEVEL, ALERT_PERIODS, COARSE_ALARM, COARSE_MOST, COARSE_STEP, EventKind,
    Finding, LEAST_LEVEL, STEP,
};
use crate::engine::{BaselineMode, Rule, Rules};
use crate::review::advise::Beside;
use crate::review::{Assessed, Because, ByRule, Words as _, Zh};
use crate::types::{Kind, LocalTime, WattHours};

use super::BaselineWords;

impl BaselineWords for Zh {
    fn baseline_rule(&self, rules: &Rules) -> String {
        let shadow = match rules.baseline.mode {
            BaselineMode::Shadow => "（shadow：只计算，不通知值班人员）",
            BaselineMode::On | BaselineMode::Off => "",
        };
        let interval = self.duration(rules.interval_seconds);
        format!("基线规则{shadow}，单位：每 {interval} Wh")
    }

    fn legend(&self, kind: Kind, is_fine: bool, rules: &Rules) -> Vec<String> {
        let (allowance, alarm) = (rules.baseline.allowance.0, rules.baseline.alarm.0);
        let most = alarm + ABOVE_ALARM;
        let base =
            "B：基数，即最低用电，取自本房空置（V）、本房住客（O）或本店各房（h）".to_owned();
        let common =
            "D：其他空房此时超出各自基数的用电，取中间值（*：许多房间上升，取 85 %）".to_owned();
        let tolerance = format!("T：1.5 D，至少 {allowance}；e = 用电 - B - T");
        let of_kind = match (kind, is_fine) {
            (Kind::Checkout, true) => [
                common,
                format!("{tolerance}，至多 {STEP}"),
                format!(
                    "S：S + e，0 至 {most}；连续两次 e < 0 清零；达到 {alarm} 且满 {ALERT_PERIODS} \
                     个周期报警"
                ),
            ],
            (Kind::Checkout, false) => [
                common,
                format!("{tolerance}，用电至多计 {COARSE_STEP}：电表只计整数 kWh"),
                format!("S：S + e，0 至 {COARSE_MOST}；达到 {COARSE_ALARM} 报警"),
            ],
            (Kind::Checkin, _) => [
                "y = 用电 - B，至少 0；m：最近六个 y 的最小值".to_owned(),
                format!(
                    "Q：本店九成客房 48 小时内持续超出基数的用电都不超过的值，至少 {LEAST_LEVEL}"
                ),
                format!("上限：1.5 Q，至少 Q + {ABOVE_LEVEL}；m 超过上限时报警"),
            ],
        };
        std::iter::once(base).chain(of_kind).collect()
    }

    fn heads_of_assessed(&self) -> [&'static str; 3] {
        ["时间", "用电", "上限"]
    }

    fn event_of_baseline(&self, kind: EventKind) -> &'static str {
        match kind {
            EventKind::Alert => "【报警】",
            EventKind::Reminder => "【提醒】",
            EventKind::Recovered => "【恢复】",
            EventKind::Closed => "【不再跟踪】",
        }
    }

    fn because(&self, assessed: &Assessed) -> String {
        let mut text = String::new();
        if assessed.is_interrupted {
            text.push_str("S 重新累计；");
        }
        if assessed.interval.periods != 1 {
            text.push_str(&format!("计 {} 个周期；", assessed.interval.periods));
        }
        text.push_str(&match assessed.because {
            Because::Event(event) => format!(
                "{}自 {} 起 {} 个周期，共 {} kWh",
                self.event_of_baseline(event.kind),
                event.since.day_hour_minute(),
                event.periods,
                event.energy
            ),
            Because::Usual => "正常".to_owned(),
            Because::Emptied => "恢复正常".to_owned(),
            Because::Grows { alarm } => format!("累计中，达到 {alarm} 报警"),
            Because::Falls => "回落".to_owned(),
            Because::TooFewPeriods { needed, periods } => {
                format!("已有 {periods} 个周期，满 {needed} 个报警")
            }
            Because::Held { until } => {
                format!("许多房间同时上升，暂缓至 {}", until.day_hour_minute())
            }
            Because::Alerted { periods, reminder } => {
                format!("已报警；{periods} 个周期，满 {reminder} 个提醒")
            }
            Because::TooFewIntervals => "不足六个周期".to_owned(),
            Because::Coarse => "电表只计整数 kWh".to_owned(),
            Because::TooFewRooms { needed } => format!("可比较的房间不足 {needed} 间"),
            Because::Heated { most } => format!("Q 超过 {most}：普遍用电取暖"),
            Because::UntilUsual { most } => format!("已报警；y 降到 {most} 为恢复"),
        });
        text
    }

    fn alike(&self, count: usize, (least, most): (i64, i64), last: &Assessed) -> String {
        let account = match last.verdict.kind {
            Finding::Vacant { account, .. } => format!("；S {account}"),
            Finding::Occupied { .. } => String::new(),
        };
        let because = self.because(last);
        format!("{count} 个周期，用电 {least} 至 {most}：{because}{account}")
    }

    fn found_by(&self, rule: Rule, found: &ByRule) -> String {
        let rule = match rule {
            Rule::Fixed => "阈值",
            Rule::Baseline => "基线规则",
        };
        let ByRule {
            alerts,
            rooms,
            seconds,
        } = *found;
        let hours = seconds as f64 / 3_600.0;
        format!("{rule}：报警 {alerts} 次，{rooms} 间房，共 {hours:.1} 小时")
    }

    fn baseline(&self) -> &'static str {
        "基线规则"
    }

    fn alerts_of_rules(&self, now: (u64, f64), baseline: (u64, f64)) -> String {
        let of = |(alerts, rate): (u64, f64)| format!("报警 {alerts} 次，每百间天 {rate:.2} 次");
        format!(
            "按现行阈值，{}；\n  按不需要阈值的基线规则，{}",
            of(now),
            of(baseline)
        )
    }

    fn beside(&self, threshold: WattHours, beside: &Beside) -> String {
        let Beside {
            alerts,
            both,
            earlier,
            more,
        } = *beside;
        let when = match earlier {
            None => String::new(),
            Some(0) => "，其中半数不晚于它".to_owned(),
            Some(1..) => {
                let earlier = self.duration(earlier.unwrap_or_default());
                format!("，其中半数至少早 {earlier}")
            }
            Some(later) => format!("，其中半数晚，至多 {}", self.duration(-later)),
        };
        format!(
            "阈值 {threshold} 的 {alerts} 次报警中，基线规则也会报 {both} 次{when}；\n  \
             另有 {more} 次只有基线规则会报"
        )
    }

    fn head_of_baseline(&self) -> &'static str {
        "基线每百间天"
    }

    fn readings_begin(&self, first: LocalTime, days: f64, asked: f64) -> String {
        format!("数据从 {first} 开始：{asked:.1} 天中有 {days:.1} 天。")
    }
}
