//! Chinese.

use crate::engine::{NoticeKind, Rules, RunEnd, Stay};
use crate::review::{Next, Reason, Verdict, Why};
use crate::types::{Kind, LocalTime, WattHours};

use super::{Folded, Words};

pub struct Zh;

impl Words for Zh {
    fn state(&self, kind: Kind) -> &'static str {
        match kind {
            Kind::Checkin => "住客房",
            Kind::Checkout => "空房",
        }
    }

    fn duration(&self, seconds: i64) -> String {
        let (hours, minutes) = (seconds / 3_600, seconds % 3_600 / 60);
        match (hours, minutes) {
            (0, 0) => format!("{seconds} 秒"),
            (0, minutes) => format!("{minutes} 分钟"),
            (hours, 0) => format!("{hours} 小时"),
            (hours, minutes) => format!("{hours} 小时 {minutes} 分"),
        }
    }

    fn to(&self) -> &'static str {
        "至"
    }

    fn stay(&self, stay: &Stay, until: Option<LocalTime>) -> String {
        let begin = match stay {
            Stay::Occupied { .. } => "入住",
            Stay::Vacant { .. } => "退房",
        };
        let mut text = format!("{}：{} {begin}", self.state(stay.kind()), stay.time());
        if let Stay::Occupied {
            expected_checkout: Some(expected),
            ..
        } = stay
        {
            text.push_str(&format!("，预计 {expected} 退房"));
        }
        if let Some(until) = until {
            text.push_str(&format!("，至 {until} 止"));
        }
        text
    }

    fn rule(&self, threshold: WattHours, rules: &Rules) -> String {
        format!(
            "每 {}用电超过 {threshold} kWh 为异常，连续 {} 个周期异常时报警",
            self.duration(rules.interval_seconds),
            rules.alert_periods
        )
    }

    fn heads_of_readings(&self) -> [&'static str; 3] {
        ["时间", "电表读数", "用电"]
    }

    fn verdict(&self, verdict: Verdict) -> &'static str {
        match verdict {
            Verdict::Late => "重复或迟到",
            Verdict::BeforeStay => "过早",
            Verdict::Initial => "起始读数",
            Verdict::Suspect => "可疑",
            Verdict::Undecided => "待定",
            Verdict::WithinInterval => "周期未满",
            Verdict::Gap => "抄表中断",
            Verdict::AcrossStay => "不判断",
            Verdict::OutOfOrder => "维修中",
            Verdict::Cleaning => "打扫时段",
            Verdict::Zero => "读数未变",
            Verdict::Abnormal => "异常",
            Verdict::Normal => "正常",
        }
    }

    fn event(&self, kind: NoticeKind) -> &'static str {
        match kind {
            NoticeKind::Alert => "【报警】",
            NoticeKind::Reminder => "【提醒】",
            NoticeKind::Recovered => "【恢复】",
            NoticeKind::Closed(_) => "【不再跟踪】",
        }
    }

    fn reason(&self, reason: &Reason) -> String {
        let mut text = String::new();
        if reason.outlier_dropped {
            text.push_str("前面的可疑读数是误读，已剔除；");
        }
        if reason.meter_changed {
            text.push_str("电表已更换或清零；");
        }
        text.push_str(&self.why(&reason.why));
        if let Some((run, end)) = reason.ended {
            text.push_str(&match end {
                RunEnd::Recovered => format!("；此前连续 {} 个周期的异常结束", run.periods),
                RunEnd::Closed(_) => {
                    format!("；此前连续 {} 个周期的异常不再跟踪，不算恢复", run.periods)
                }
            });
        }
        text
    }

    fn folded(&self, folded: &Folded) -> String {
        let (count, word) = (folded.count, self.verdict(folded.verdict));
        match (&folded.used, folded.run) {
            (Some((least, most)), Some((first, last))) => {
                let amount = match least == most {
                    true => format!("均为 {most} kWh"),
                    false => format!("{least} 至 {most} kWh"),
                };
                format!("{count} 个周期{word}，{amount}（连续第 {first} 至 {last} 个）")
            }
            (Some((_, most)), None) => format!("{count} 个周期{word}，最高 {most} kWh"),
            (None, _) => format!("{count} 个读数：{word}"),
        }
    }

    fn nothing_judged(&self) -> &'static str {
        "没有可以判断的读数"
    }
}

impl Zh {
    fn why(&self, why: &Why) -> String {
        let decides = "是误读还是换表，看后面的读数";
        match *why {
            Why::Late => "不晚于前一个读数，不作判断".to_owned(),
            Why::BeforeStay => "早于入住或退房一个周期以上，不能作为起始读数".to_owned(),
            Why::Initial => "从这个读数开始判断".to_owned(),
            Why::Superseded => "之后还有更接近入住或退房的读数，以后者为准".to_owned(),
            Why::Fell { from, to } => format!("读数从 {from} 降到 {to}：{decides}"),
            Why::Rose {
                rise,
                seconds,
                most,
            } => format!(
                "{}用电 {rise} kWh，超过每周期上限 {most}：{decides}",
                self.duration(seconds)
            ),
            Why::Implausible => format!("读数不合理：{decides}"),
            Why::Undecided { seconds, needed } => format!(
                "与可疑读数相符，但只隔 {}；相符满 {}即认定换表",
                self.duration(seconds),
                self.duration(needed)
            ),
            Why::WithinInterval { seconds } => {
                format!("距上一周期 {}，本周期未满", self.duration(seconds))
            }
            Why::Gap { seconds, most } => format!(
                "{}没有读数，超过 {}：这段用电不作判断",
                self.duration(seconds),
                self.duration(most)
            ),
            Why::AcrossStay => "这个周期在入住或退房之前开始：从这个读数起判断".to_owned(),
            Why::OutOfOrder { since } => {
                format!("自 {} 起为维修房，不作判断", since.day_hour_minute())
            }
            Why::Cleaning => "可能正在打扫：既不计入也不结束异常".to_owned(),
            Why::StandsStill {
                seconds,
                needed,
                periods,
            } => format!(
                "读数已有 {}没有变化，可能是电表或网关重复上报：满 {}之前，\
                 连续 {periods} 个周期的异常既不增加也不结束",
                self.duration(seconds),
                self.duration(needed)
            ),
            Why::Judged {
                abnormal,
                threshold,
                periods,
                seconds,
                run,
                next,
            } => {
                let than = if abnormal { "超过" } else { "未超过" };
                let mut text = format!("{than} {threshold} kWh");
                if periods != 1 {
                    let long = self.duration(seconds);
                    text.push_str(&format!("；{long}，计 {periods} 个周期"));
                }
                if let Some(run) = run {
                    let since = run.since.day_hour_minute();
                    text.push_str(&format!("；自 {since} 起连续 {} 个周期", run.periods));
                }
                text.push_str(&match next {
                    Some(Next::Alert(at)) => format!("，满 {at} 个报警"),
                    Some(Next::Reminder(at)) => format!("，满 {at} 个提醒"),
                    None => String::new(),
                });
                text
            }
        }
    }
}
