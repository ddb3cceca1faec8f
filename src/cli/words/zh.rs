//! Chinese.

use std::io;
use std::net::SocketAddr;

use crate::demo::{Detection, Report};
use crate::engine::{
    BaselineMode, Event, Move, RoomStatus, Rule, Rules, Said, StatusChange, Thresholds,
};
use crate::review::advise::{self, ENOUGH_ROOM_DAYS, ENOUGH_ROOMS};
use crate::review::{Words as _, Zh};
use crate::simulator::Appliance;
use crate::types::{Kind, LocalTime, WattHours};

use super::{Hidden, Story, Words};

impl Words for Zh {
    fn check_spelling(&self) -> &'static str {
        "请用 roomwatt check --online 检查：消息和电表数据中的酒店号、房号写法是否一致"
    }

    fn rule_title(&self, name: &str) -> String {
        format!("规则 {name}")
    }

    fn heads_of_alerts(&self) -> [&'static str; 6] {
        ["房间数", "间天", "报警", "提醒", "恢复", "每百间天报警"]
    }

    fn all_rooms(&self) -> &'static str {
        "全部"
    }

    fn hotel(&self, name: &str) -> String {
        format!("酒店 {name}")
    }

    fn in_common(&self, rises: u64, levels: u64) -> String {
        format!("全店空房：多间用电同时上升 {rises} 次，多间用电偏高 {levels} 次")
    }

    fn more_hotels(&self, count: usize) -> String {
        format!("另有 {count} 家酒店，报警数都不多于以上各家")
    }

    fn advice(&self, kind: Kind, advised: Option<WattHours>, configured: WattHours) -> String {
        let state = self.state(kind);
        match advised {
            Some(threshold) if threshold == configured => {
                format!("{state}：建议阈值 {threshold} kWh（与现在相同）")
            }
            Some(threshold) => format!("{state}：建议阈值 {threshold} kWh（现为 {configured}）"),
            None => format!("{state}：暂不建议（现为 {configured}）"),
        }
    }

    fn never_watched(&self, kind: Kind) -> String {
        format!("{}：暂不建议：没有这类房间的数据", self.state(kind))
    }

    fn reason_of_advice(&self, reason: &advise::Reason) -> String {
        use advise::Reason;
        match *reason {
            Reason::TooFewRooms { rooms } => {
                format!("仅有 {rooms} 间房的数据，至少需 {ENOUGH_ROOMS} 间")
            }
            Reason::TooFewDays { room_days, missing } => format!(
                "仅有 {room_days:.0} 间天数据，需 {ENOUGH_ROOM_DAYS:.0}；约 {missing} 天后再试\
                 （超过两周的数据请用 --from 指定起始日期）"
            ),
            Reason::BeyondBudget { highest, budget } => {
                format!("阈值提高到 {highest} kWh，报警仍超过预算（每百间天 {budget} 次）")
            }
            Reason::Apart {
                ordinary,
                rate,
                change,
            } => format!(
                "半数周期的用电不超过 {ordinary} kWh，电器忘关时明显更高：\n  \
                 每百间天报警 {rate:.2} 次，阈值再提高一半，变化不超过 {change:.2} 次"
            ),
            Reason::Calm {
                ordinary,
                rate,
                change,
                budget,
            } => format!(
                "半数周期的用电不超过 {ordinary} kWh，没有明显更高的用电；\n  每百间天报警 \
                 {rate:.2} 次，阈值再提高一半，变化不超过 {change:.2} 次，在预算（{budget} 次）之内"
            ),
            Reason::Lowest {
                rate,
                budget,
                below,
            } => {
                let mut text = format!(
                    "预算（每百间天 {budget} 次）之内的最低阈值，每百间天报警 {rate:.2} 次"
                );
                if let Some((lower, rate)) = below {
                    text.push_str(&format!("；阈值为 {lower} 时 {rate:.2} 次"));
                }
                text
            }
            Reason::AsForAll { alerts, expected } => {
                format!("与所有酒店相同：报警 {alerts} 次，预算为 {expected:.1} 次，差别不明显")
            }
        }
    }

    fn amount_of_data(&self, rooms: u64, room_days: f64, intervals: u64, seconds: i64) -> String {
        let interval = self.duration(seconds);
        format!("{rooms} 间房，{room_days:.0} 间天，{intervals} 个周期（每个 {interval}）")
    }

    fn quantiles(&self, quantiles: [WattHours; 6]) -> String {
        let [half, p75, p90, p99, p999, most] = quantiles;
        format!(
            "每个周期用电（kWh）：半数不超过 {half}，75 % 不超过 {p75}，90 % {p90}，99 % {p99}，\
             99.9 % {p999}，最高 {most}"
        )
    }

    fn whole_kwh(&self, hidden: &Hidden<'_>) -> String {
        let more = match hidden.more {
            0 => String::new(),
            more => format!(" 等，另有 {more} 间"),
        };
        format!(
            "有 {} 块电表只显示整数 kWh：按现行阈值，每个周期不超过 {} kWh（{:.2} kW）\n  \
             的持续用电永远发现不了。房间：{}{more}",
            hidden.meters, hidden.per_interval, hidden.kilowatts, hidden.rooms
        )
    }

    fn heads_of_thresholds(&self) -> [&'static str; 2] {
        ["阈值", "每百间天报警"]
    }

    fn as_configured(&self) -> &'static str {
        "现行"
    }

    fn marks(&self) -> [&'static str; 2] {
        ["现行", "建议"]
    }

    fn heads_of_hotels(&self) -> [&'static str; 6] {
        [
            "房间数",
            "间天",
            "现每百间天报警",
            "建议阈值",
            "每百间天报警",
            "酒店",
        ]
    }

    fn to_paste(&self) -> &'static str {
        "可粘贴到配置文件的 [monitoring] 一节"
    }

    fn nothing_advised(&self) -> &'static str {
        "暂不建议"
    }

    fn introduction(&self, story: &Story<'_>) -> String {
        let rules = story.rules;
        format!(
            "DEMO 酒店：{} 间客房，自 {} 起 {} 天（--seed {}）。\n\
             每 {}用电超过 {} kWh（住客房）或 {} kWh（空房）为异常，连续 {} 个周期报警。\n{}",
            story.rooms,
            story.from,
            story.days,
            story.seed,
            self.duration(rules.interval_seconds),
            rules.thresholds.checkin,
            rules.thresholds.checkout,
            rules.alert_periods,
            match rules.baseline.mode {
                BaselineMode::On => "比本房平时明显多用电，也报警（基线规则）。\n",
                BaselineMode::Shadow | BaselineMode::Off => "",
            }
        )
    }

    fn page(&self, at: SocketAddr, in_use: Option<SocketAddr>) -> String {
        let why = in_use.map_or(String::new(), |other| format!("（{other} 已被占用）"));
        format!("可在浏览器中观看：http://{at}/{why}\n")
    }

    fn no_page(&self, error: &io::Error) -> String {
        format!("没有可用的地址，无法在浏览器中观看：{error}\n")
    }

    fn page_ends(&self) -> &'static str {
        "演示已结束，页面已关闭。"
    }

    fn page_stays(&self, at: SocketAddr) -> String {
        format!("可在浏览器中继续查看：http://{at}/，按 Ctrl-C 结束。")
    }

    fn stopped(&self, at: LocalTime) -> String {
        format!("演示停在 {at}。\n")
    }

    fn troubles(&self, count: usize) -> String {
        format!(
            "共有 {count} 处电器忘关或违规使用（每 30 分钟 kWh），右侧为多久后发现（时:分）：\n"
        )
    }

    fn appliance(&self, appliance: Appliance) -> &'static str {
        match appliance {
            Appliance::AirConditioner => "空调",
            Appliance::Heater => "电暖器",
            Appliance::Miner => "矿机",
            Appliance::CarCharger => "电动汽车充电",
            Appliance::HeatPump => "热泵采暖",
        }
    }

    fn head_of(&self, rule: Rule) -> &'static str {
        match rule {
            Rule::Fixed => "阈值",
            Rule::Baseline => "基线规则",
        }
    }

    fn missed(&self, detection: &Detection) -> Option<String> {
        Some(match *detection {
            Detection::Found { .. } => return None,
            Detection::Below { threshold, enough } => {
                format!("未超过 {threshold} kWh；阈值 {enough} 可发现")
            }
            Detection::TooShort { seconds } => {
                format!("只持续 {}，不够所需的周期数", self.duration(seconds))
            }
            Detection::Coarse { step } => format!("电表每 {step} kWh 才跳一次"),
            Detection::Silent => "抄表间隔太长".to_owned(),
            Detection::Hidden => "与房间平时的用电难以区分".to_owned(),
            Detection::Usual => "本房或其他房间平时也用这么多".to_owned(),
        })
    }

    fn of_rule(&self, rule: Rule, reason: &str) -> String {
        format!("{}：{reason}", self.head_of(rule))
    }

    fn said(&self, event: &Event) -> Option<String> {
        if let Some(moved) = event.as_move() {
            let (at, from, to) = (moved.at.day_hour_minute(), moved.from, moved.to);
            let (from, to) = (from.room_number, to.room_number);
            return Some(format!(
                "{at}  客人从 {from} 换到 {to}：{from} 转为空房，{to} 转为住客房。"
            ));
        }
        let [(room, Said::Status(StatusChange { at, status }))] = &event.rooms[..] else {
            return None;
        };
        let (at, room) = (at.day_hour_minute(), &room.room_number);
        match status {
            RoomStatus::OutOfOrder { until: Some(until) } => Some(format!(
                "{at}  {room} 转为维修房，至 {} 止：期间用电不作判断。",
                until.day_hour_minute()
            )),
            RoomStatus::OutOfOrder { until: None } => {
                Some(format!("{at}  {room} 转为维修房：维修期间用电不作判断。"))
            }
            RoomStatus::InOrder => Some(format!("{at}  {room} 维修结束：恢复判断。")),
            RoomStatus::Dirty | RoomStatus::Clean => None,
        }
    }

    fn said_besides(&self, moves: usize, out_of_order: usize) -> String {
        let moved = (moves > 0).then(|| format!("换房 {moves} 次"));
        let rooms = (out_of_order > 0).then(|| format!("维修房 {out_of_order} 间"));
        let both: Vec<String> = moved.into_iter().chain(rooms).collect();
        format!("{}：", both.join("，"))
    }

    fn rooms_of_move(&self, moved: &Move) -> String {
        format!("{} 换到 {}", moved.from.room_number, moved.to.room_number)
    }

    fn made_of_move(&self, moved: &Move) -> String {
        let Move { from, to, at, .. } = moved;
        let (from, to) = (&from.room_number, &to.room_number);
        format!(
            "{} 起，{from} 按空房、{to} 按住客房判断",
            at.day_hour_minute()
        )
    }

    fn not_judged(&self, span: &str) -> String {
        format!("{span} 维修，期间不作判断")
    }

    fn counts(&self, report: &Report) -> [String; 3] {
        [
            format!(
                "{} 间客房，{} 条消息，{} 条读数。",
                report.rooms, report.messages, report.readings
            ),
            format!(
                "报警 {} 次，提醒 {} 次，恢复 {} 次，",
                report.alerts, report.reminders, report.recovered
            ),
            format!(
                "不再跟踪 {} 次，电表数据通知 {} 次。",
                report.closed, report.of_meters
            ),
        ]
    }

    fn heads_of_comparison(&self, rules: &Rules) -> [String; 4] {
        [
            format!("阈值（每 {} kWh）", self.duration(rules.interval_seconds)),
            "发现".to_owned(),
            "用时".to_owned(),
            "误报".to_owned(),
        ]
    }

    fn thresholds(&self, thresholds: Thresholds, is_configured: bool) -> String {
        let now = if is_configured { "（本次）" } else { "" };
        format!(
            "住客房 {}、空房 {}{now}",
            thresholds.checkin, thresholds.checkout
        )
    }

    fn no_thresholds(&self) -> &'static str {
        "不设阈值：基线规则"
    }

    fn found(&self, found: usize, of: usize) -> String {
        format!("{of} 处中的 {found} 处")
    }

    fn try_them(&self) -> &'static str {
        "试一试："
    }
}
