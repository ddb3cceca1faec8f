//! What the staff reads, in its languages.

use crate::config::Language;
use crate::notify::waiting::State;
use crate::types::RoomNumber;

/// A language's words. What takes arguments is a function, because languages order them otherwise.
pub(super) struct Words {
    pub(super) alert: &'static str,
    pub(super) reminder: &'static str,
    pub(super) unclear: &'static str,
    pub(super) ended: &'static str,
    pub(super) recovered: &'static str,
    pub(super) silent: &'static str,
    pub(super) heard: &'static str,
    pub(super) test: &'static str,

    pub(super) look_into_vacant: &'static str,
    pub(super) look_into_occupied: &'static str,
    pub(super) look_into_rooms: &'static str,
    pub(super) look_into_both: &'static str,
    pub(super) was_over: &'static str,
    pub(super) may_go_on: &'static str,
    pub(super) nothing_to_do: &'static str,
    pub(super) check_gateway: &'static str,
    pub(super) some_are_silent: &'static str,
    pub(super) all_are_heard: &'static str,
    pub(super) only_a_test: &'static str,

    pub(super) hotel: &'static str,
    pub(super) room: &'static str,
    pub(super) state: &'static str,
    pub(super) occupied: &'static str,
    pub(super) vacant: &'static str,
    pub(super) run: &'static str,
    /// Periods, hours, since.
    pub(super) run_of: fn(u32, &str, &str) -> String,
    pub(super) energy: &'static str,
    pub(super) rate: &'static str,
    /// kWh per interval, minutes of an interval, threshold.
    pub(super) rate_of: fn(&str, i64, &str) -> String,
    pub(super) power: &'static str,
    pub(super) cost: &'static str,
    pub(super) check_in: &'static str,
    pub(super) expected_checkout: &'static str,
    pub(super) check_out: &'static str,
    pub(super) history: &'static str,
    pub(super) detected: &'static str,
    pub(super) normal_since: &'static str,
    pub(super) end: &'static str,
    pub(super) end_unknown: &'static str,

    pub(super) meters: &'static str,
    /// Silent meters, watched meters.
    pub(super) silent_of: fn(u32, u32) -> String,
    pub(super) last_reading: &'static str,
    pub(super) silent_since: &'static str,
    pub(super) never: &'static str,
    pub(super) silent_rooms: &'static str,

    pub(super) colon: &'static str,
    pub(super) number: &'static str,
    /// Rooms, their number.
    pub(super) rooms_of: fn(&str, usize) -> String,
    /// The first of more, how many there are.
    pub(super) first_of: fn(&str, u32) -> String,
    pub(super) between_names: &'static str,
    pub(super) between_states: &'static str,
}

pub(super) fn words(language: Language) -> &'static Words {
    match language {
        Language::Zh => &ZH,
        Language::En => &EN,
    }
}

impl Words {
    pub(super) fn of(&self, state: State) -> &'static str {
        match state {
            State::Alert => self.alert,
            State::Reminder => self.reminder,
            State::Unclear => self.unclear,
            State::Ended => self.ended,
            State::Recovered => self.recovered,
            State::Silent => self.silent,
            State::Heard => self.heard,
        }
    }

    pub(super) fn joined<'a>(&self, rooms: impl IntoIterator<Item = &'a RoomNumber>) -> String {
        let names: Vec<&str> = rooms.into_iter().map(RoomNumber::as_str).collect();
        names.join(self.between_names)
    }
}

static ZH: Words = Words {
    alert: "用电异常",
    reminder: "用电异常仍在持续",
    unclear: "用电异常（统计中断，是否结束不明）",
    ended: "用电异常（已结束）",
    recovered: "用电已恢复正常",
    silent: "电表没有数据",
    heard: "电表数据已恢复",
    test: "测试通知",

    look_into_vacant: "请到房间查看：空调、取暖器、热水器等可能没有关。",
    look_into_occupied: "请联系客人，查看房间里的大功率电器。",
    look_into_rooms: "请逐间查看，最严重的排在最前面。",
    look_into_both: "空房请进房查看，住客房请先联系客人；最严重的排在最前面。",
    was_over: "发出本通知之前已经恢复正常，现在不用处理。",
    may_go_on: "本次异常的统计已中断，无法确认是否恢复正常：方便时请到房间查看。",
    nothing_to_do: "本次异常已结束，不用再处理。",
    check_gateway: "请检查酒店的网关和采集器：电源、网络。没有数据时无法发现用电异常。",
    some_are_silent: "大部分电表已恢复；请检查仍没有数据的房间。",
    all_are_heard: "电表数据已全部恢复，不用处理。",
    only_a_test: "这是一条测试消息，不用处理：用电通知会发到本群。",

    hotel: "酒店",
    room: "房间",
    state: "状态",
    occupied: "已入住",
    vacant: "空房（已退房）",
    run: "连续异常",
    run_of: |periods, hours, since| format!("{periods} 个周期（{hours} 小时），自 {since} 起"),
    energy: "期间用电",
    rate: "每周期用电",
    rate_of: |rate, minutes, threshold| {
        format!("{rate} kWh / {minutes} 分钟（阈值 {threshold} kWh）")
    },
    power: "平均功率",
    cost: "估算费用",
    check_in: "入住时间",
    expected_checkout: "预计退房",
    check_out: "退房时间",
    history: "最近各周期",
    detected: "检测时间",
    normal_since: "确认恢复",
    end: "结束方式",
    end_unknown: "不明：可能已恢复正常、客人入住或退房、抄表中断或换表",

    meters: "电表",
    silent_of: |silent, watched| format!("{watched} 块中有 {silent} 块没有数据"),
    last_reading: "最后读数",
    silent_since: "中断自",
    never: "从未有过",
    silent_rooms: "没有数据的房间",

    colon: "：",
    number: "通知编号",
    rooms_of: |rooms, count| format!("{count} 间房：{rooms}"),
    first_of: |names, count| format!("{names} 等 {count} 间"),
    between_names: "、",
    between_states: "，",
};

static EN: Words = Words {
    alert: "Abnormal power use",
    reminder: "Still abnormal power use",
    unclear: "Abnormal power use (end unknown)",
    ended: "Abnormal power use (over by now)",
    recovered: "Power use is normal again",
    silent: "Meters are silent",
    heard: "Meters are heard again",
    test: "Test notice",

    look_into_vacant: "Please look into the room: an air conditioner, heater or boiler may be on.",
    look_into_occupied: "Please ask the guest about large appliances in the room.",
    look_into_rooms: "Please look into these rooms; the worst comes first.",
    look_into_both: "Please look into vacant rooms, and ask the guests of occupied ones; the worst comes first.",
    was_over: "It was normal again before this notice went out: nothing to do now.",
    may_go_on: "The run was cut off, and nobody knows whether the room is normal again: please look when convenient.",
    nothing_to_do: "This run is over: nothing to do.",
    check_gateway: "Please check the hotel's gateway: power and network. Without readings abnormal use can't be noticed.",
    some_are_silent: "Most are heard again; please look after those that are still silent.",
    all_are_heard: "All are heard again: nothing to do.",
    only_a_test: "This is a test, there is nothing to do: notices of power use will come to this group.",

    hotel: "Hotel",
    room: "Room",
    state: "State",
    occupied: "occupied",
    vacant: "vacant (checked out)",
    run: "Abnormal",
    run_of: |periods, hours, since| {
        format!("{periods} intervals in a row ({hours} h) since {since}")
    },
    energy: "Used meanwhile",
    rate: "Per interval",
    rate_of: |rate, minutes, threshold| {
        format!("{rate} kWh in {minutes} min (threshold {threshold} kWh)")
    },
    power: "Mean power",
    cost: "Estimated cost",
    check_in: "Check-in",
    expected_checkout: "Expected check-out",
    check_out: "Check-out",
    history: "Last intervals",
    detected: "Detected",
    normal_since: "Found normal",
    end: "How it ended",
    end_unknown: "unknown: normal again, a new stay, a gap in the readings or a new meter",

    meters: "Meters",
    silent_of: |silent, watched| format!("{silent} of {watched} are silent"),
    last_reading: "Last reading",
    silent_since: "Silent since",
    never: "never",
    silent_rooms: "Silent rooms",

    colon: ": ",
    number: "Notice",
    rooms_of: |rooms, count| format!("{count} rooms: {rooms}"),
    first_of: |names, count| format!("{names} and others, {count} in all"),
    between_names: ", ",
    between_states: ", ",
};
