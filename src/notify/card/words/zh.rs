//! Chinese.

use crate::engine::Closing;
use crate::types::Kind;

use super::{InCommon, Name, Unusually, Words, hours_and_minutes, range};

pub(super) static WORDS: Words = Words {
    alert: Name {
        long: "用电异常",
        short: "用电异常",
    },
    reminder: Name {
        long: "用电异常仍在持续",
        short: "仍在持续",
    },
    unclear: Name {
        long: "用电异常（监测中断，现状不明）",
        short: "现状不明",
    },
    closed: Name {
        long: "用电异常监测已中断",
        short: "异常监测中断",
    },
    new_stay: Name {
        long: "用电异常不再跟踪",
        short: "异常不再跟踪",
    },
    ended: Name {
        long: "用电异常（已恢复）",
        short: "曾异常已恢复",
    },
    recovered: Name {
        long: "用电已恢复正常",
        short: "已恢复",
    },
    silent: Name {
        long: "电表数据中断",
        short: "电表数据中断",
    },
    silent_still: Name {
        long: "电表数据仍然中断",
        short: "电表数据仍然中断",
    },
    silent_over: Name {
        long: "电表数据中断（已恢复）",
        short: "电表数据曾中断",
    },
    reporting: Name {
        long: "电表数据已恢复",
        short: "电表数据已恢复",
    },
    frozen: Name {
        long: "电表读数停滞",
        short: "电表读数停滞",
    },
    frozen_still: Name {
        long: "电表读数仍然停滞",
        short: "电表读数仍然停滞",
    },
    frozen_over: Name {
        long: "电表读数停滞（已恢复）",
        short: "电表读数曾停滞",
    },
    moving: Name {
        long: "电表读数已恢复更新",
        short: "电表读数已恢复更新",
    },
    rise: Name {
        long: "多间空房用电同时上升",
        short: "多间空房用电同时上升",
    },
    level: Name {
        long: "多间空房用电偏高",
        short: "多间空房用电偏高",
    },
    test: "测试通知",
    rooms_that: |kind, _| match kind {
        Some(Kind::Checkout) => "空房",
        Some(Kind::Checkin) => "住客房",
        None => "",
    },
    before_hotel: " ",
    kilowatts: |kw| format!("{kw} kW"),
    most_kilowatts: |kw| format!("最高 {kw} kW"),

    look_into_vacant: "请先向前台核实房态，再进房查看：空调、电暖器、热水器等可能没有关。",
    look_into_occupied: "请由前台联系客人，确认房内大功率电器；夜间先评估有无安全隐患，\
        非紧急不打扰客人。",
    look_into_both: "空房请先向前台核实房态再进房，住客房请由前台联系客人（夜间非紧急不打扰）。",
    worst_first: "最严重的排在最前。",
    was_over: "发出本通知前已恢复正常，无需处理。",
    may_go_on: "监测已中断，无法确认是否恢复正常；方便时请向前台核实房态并查看。",
    closed_below: "监测中断的房间暂时无法判断是否恢复；方便时，空房请先向前台核实房态再进房，\
         住客房请由前台了解情况。如仍异常，会再次报警。",
    new_stays_below: "下列房间已有客人入住、退房，或已设为维修房，此前的异常不再跟踪。",
    nothing_to_do: "用电已恢复正常，无需处理。",
    check_gateway: "请检查抄表网关和采集器的电源与网络。数据恢复前，本店无法发现用电异常。",
    some_are_silent: "大部分电表已恢复。请检查下列房间的电表和通信线路。",
    all_report: "电表数据已全部恢复，无需处理。",
    check_repeating: "网关可能在重复上报旧读数。请到现场看一块正在用电的电表：如果表上读数在走，\
         请重启抄表网关和采集器。读数恢复更新前，本店无法发现用电异常，恢复通知暂缓发送。",
    some_are_frozen: "大部分电表读数已恢复更新。请检查下列房间的电表和采集器。",
    all_are_moving: "电表读数已全部恢复更新，无需处理。",
    common_rise: |it| {
        let InCommon {
            rooms,
            vacant,
            since,
            ..
        } = it;
        format!(
            "自 {since} 起，{vacant} 间空房中有 {rooms} 间用电同时上升：是否统一开启了采暖或防冻？\
             如果不是，请检查空调集控、取电开关等共同原因。\
             一天内暂不对单间空房报警，超过阈值的仍照常报警。"
        )
    },
    common_level: |it| {
        let InCommon {
            rooms,
            vacant,
            minutes,
            more,
            tolerated,
            ..
        } = it;
        format!(
            "{vacant} 间空房中有 {rooms} 间每 {minutes} 分钟比空房正常用电多 {more} kWh 以上。\
             这么多空房同时偏高时，系统会视为正常：多用不超过 {tolerated} kWh 的单间目前无法发现。\
             请检查采暖、空调集控、取电开关等共同原因。"
        )
    },
    only_a_test: "这是测试消息，无需处理。今后的用电通知将发到本群。",
    closed_by: |kind, why| match (kind, why) {
        (_, Closing::Gap) => "抄表中断",
        (_, Closing::MeterChanged) => "电表更换或清零",
        (_, Closing::IntervalChanged) => "判断周期已更改",
        (_, Closing::RuleOff) => "规则已停用",
        (_, Closing::OutOfOrder { .. }) => "维修中",
        (_, Closing::ByHand) => "手动关闭",
        (Kind::Checkout, Closing::NewStay { kind, .. }) => match kind {
            Kind::Checkin => "客人已入住",
            Kind::Checkout => "退房时间已更新",
        },
        (Kind::Checkin, Closing::NewStay { kind, .. }) => match kind {
            Kind::Checkin => "新客人已入住",
            Kind::Checkout => "客人已退房",
        },
    },
    closing: |kind, why| {
        let look = match kind {
            Kind::Checkout => "方便时请先向前台核实房态，再进房查看",
            Kind::Checkin => "方便时请由前台了解情况",
        };
        match (kind, why) {
            (_, Closing::Gap) => {
                format!("抄表曾中断，暂时无法判断是否恢复；{look}。如仍异常，会再次报警。")
            }
            (_, Closing::MeterChanged) => {
                format!("电表已更换或读数已清零，无法判断是否恢复；{look}。如仍异常，会再次报警。")
            }
            (_, Closing::IntervalChanged) => {
                "系统的判断周期已更改，从现在起重新判断；如仍异常，会再次报警。".to_owned()
            }
            (_, Closing::RuleOff) => {
                format!("发现此异常的规则已停用，无法判断是否恢复；{look}。")
            }
            (_, Closing::ByHand) => {
                "该房电表没有新读数，值班人员已手动关闭此异常，不再跟踪；恢复抄表后重新判断。"
                    .to_owned()
            }
            (_, Closing::OutOfOrder { at }) => format!(
                "客房已于 {} 设为维修房，此前的异常不再跟踪；维修期间的用电不作判断。",
                at.day_hour_minute()
            ),
            (Kind::Checkout, Closing::NewStay { kind, at }) => {
                let at = at.day_hour_minute();
                match kind {
                    Kind::Checkin => format!(
                        "客人已于 {at} 入住，此前的空房异常不再跟踪；入住后的用电会重新判断。"
                    ),
                    Kind::Checkout => {
                        format!("退房时间已更新为 {at}，此前的异常不再跟踪；此后的用电会重新判断。")
                    }
                }
            }
            (Kind::Checkin, Closing::NewStay { kind, at }) => {
                let at = at.day_hour_minute();
                match kind {
                    Kind::Checkin => format!(
                        "新客人已于 {at} 入住，此前的异常不再跟踪；入住后的用电会重新判断。"
                    ),
                    Kind::Checkout => format!(
                        "客人已于 {at} 退房，此前的住客房异常不再跟踪；退房后按空房重新判断。"
                    ),
                }
            }
        }
    },

    hotel: "酒店",
    room: "房间",
    state: "房态",
    occupied: "住客房",
    vacant: "空房（已退房）",
    duration: |seconds| match hours_and_minutes(seconds) {
        (0, minutes) => format!("{minutes} 分钟"),
        (hours, 0) => format!("{hours} 小时"),
        (hours, minutes) => format!("{hours} 小时 {minutes} 分"),
    },
    run: "已持续",
    run_of: |long, periods, since| format!("{long}（{periods} 个周期），自 {since} 起"),
    run_over: "共持续",
    run_over_of: |long, periods, span| format!("{long}（{periods} 个周期），{span}"),
    energy: "异常期间累计用电",
    energy_and_cost: |energy, cost| format!("{energy} kWh（约 {cost}）"),
    rate: |minutes| format!("每 {minutes} 分钟平均用电"),
    rate_of: |rate, threshold| format!("{rate} kWh（阈值 {threshold} kWh）"),
    why: "原因",
    unusual_vacant: |it| {
        let Unusually {
            long,
            minutes,
            used,
            base,
            ..
        } = it;
        let own = format!("已连续 {long}每 {minutes} 分钟用电 {used} kWh；本房空置时约 {base}");
        match it.others {
            Some((rooms, low, high)) => {
                let range = range(low, "–", high);
                format!("{own}，此时本店其他 {rooms} 间空房为 {range}（10–90 百分位）。")
            }
            None => format!("{own}。"),
        }
    },
    unusual_occupied: |it| {
        let Unusually {
            long,
            minutes,
            used,
            level,
            ..
        } = it;
        format!(
            "已连续 {long}每 {minutes} 分钟用电不低于 {used} kWh；\
             近两天本店九成客房持续高出平时的用电不超过 {level} kWh。"
        )
    },
    passed_threshold: |threshold| format!("现已超过 {threshold} kWh"),
    power: "平均功率",
    power_over: "异常时功率",
    check_in: "入住时间",
    expected_checkout: "预计退房",
    check_out: "退房时间",
    trend: |minutes, highest| format!("用电走势（每格 {minutes} 分钟，最高 {highest} kWh）"),
    legend: |marks| format!("（{marks}）"),
    bar_is: |kind| match kind {
        Kind::Checkin => "│ 入住",
        Kind::Checkout => "│ 退房",
    },
    dot_is: "· 无数据",
    detected: "检测时间",
    normal_since: "恢复时间",
    no_readings: "抄表中断",
    old_and_new: |name| [format!("原{name}"), format!("新{name}")],
    from_to: |from, to| format!("{from} 至 {to}"),
    now: "现状",
    handled: "处理人",
    handled_by: |by, since| format!("{by}（{since} 起）"),
    handled_before: |by, before| format!("{by}，{before}前接手，仍未恢复"),
    snoozed: "暂停提醒",
    snoozed_until: |until| format!("至 {until}，期间未发送报警和提醒"),
    snooze_lapsed: |until| format!("已于 {until} 结束，仍未恢复"),
    now_unknown: "不明（可能已恢复；也可能因客人入住、退房、抄表中断或换表而无法判断）",

    silent_meters: "无数据",
    frozen_meters: "读数停滞",
    meters_of: |silent, watched| format!("{silent} 块，共 {watched} 块"),
    last_reading: "最后读数",
    silent_since: "中断始于",
    never: "从未收到",
    silent_rooms: "无数据的房间",
    frozen_since: "停滞始于",
    frozen_rooms: "读数停滞的房间",

    vacant_rooms: "空房",
    rooms_of_vacant: |rooms, vacant| format!("{rooms} 间，共 {vacant} 间"),
    began: "开始时间",
    common_level_is: "整体水平",
    more_each: |minutes, kwh| format!("每 {minutes} 分钟多用 {kwh} kWh"),
    more_each_day: "每天多用",
    more_a_day: |kwh| format!("每天约多用 {kwh} kWh"),

    colon: "：",
    number: "通知编号",
    rooms_of: |rooms, count| format!("{count} 间房：{rooms}"),
    first_of: |names, count| format!("{names} 等 {count} 间"),
    between_names: "、",
    between_states: "，",
    others: |count| format!("另有 {count} 项"),
};
