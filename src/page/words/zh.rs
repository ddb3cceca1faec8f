//! Chinese.

use super::{Notified, Words};

pub(super) static WORDS: Words = Words {
    code: "zh-CN",
    other: "en",
    in_other: "English",
    log_out: "退出",
    to_content: "跳到正文",
    where_one_is: "导航",

    hotels: "酒店",
    hotel: "酒店",
    rooms: "客房",
    map: "热力图",
    not_found: "找不到这个页面",
    not_found_advice: "地址有误，或者该酒店、客房不存在，或您无权查看。",
    no_hotels: "还没有任何酒店的客房。收到第一条入住或退房消息后，这里会显示。",

    open: "未恢复异常",
    occupied: "住客房",
    vacant: "空房",
    silent: "无数据",
    out_of_order: "维修房",
    power_now: "当前功率 kW",
    kwh_today: "今日用电 kWh",
    data_until: "数据截至",

    room: "房间",
    state: "房态",
    state_since: "房态始于",
    mean_power: "功率 kW",
    ended: "截至",
    trend: "近期走势",
    run: "异常已持续",
    since: "自",
    alerted: "异常",
    begins: "偏高",
    overstayed: "超时未退房",
    rooms_caption: "各房现状，最需处理的在前。功率为最近一个周期的平均值。",
    search: "查找",
    search_label: "房号",
    search_hotel: "店名或编号",
    floor: "楼层",
    all_floors: "全部",
    nothing_found: "没有符合的房间。",
    no_hotel_found: "没有符合的酒店。",
    no_data: "—",

    verdict: "判断",
    used: "用电 kWh",
    normal: "正常",
    abnormal: "超过阈值",
    aside: "不计入",
    reason: "说明",
    readings_caption: "图中各周期的读数与判断，最新的在前。阈值取当时生效的，其他规则取现行的。",
    notified_caption: "报警、提醒和恢复是当时的实际记录。",
    readings_caption_unrecorded: "图中各周期的读数与判断，最新的在前。\
        未记录当时阈值的时段按现行阈值判断，其他规则取现行的。",
    stays: "历次入住与空置",
    earlier: "更早",
    later: "更晚",
    chart_nav: "时间范围与下载",
    csv: "下载 CSV",
    gap: "没有读数",
    arrival: "入住",
    departure: "退房",
    alert: "报警",
    reminder: "提醒",
    recovered: "恢复",
    closed: "不再跟踪",
    meter_changed: "换表",
    map_levels: "平均功率 kW ≥",
    awaited: "尚未读到",
    occupancy_unknown: "房态不明",
    comma: "、",
    day_kwh: "24 小时 kWh",
    most_kw: "最高 kW",
    what_if: "试算",
    threshold_vacant: "空房阈值 kWh",
    threshold_occupied: "住客房阈值 kWh",
    alert_count: "连续几个周期报警",
    baseline: "基线规则",
    baseline_off: "关闭",
    baseline_shadow: "只计算，不通知",
    baseline_on: "开启",
    span: "时段",
    try_it: "试算",
    wrong_kwh: "请填 0 至 1000000 之间的数字",
    wrong_count: "请填 1 至 1000 之间的整数",
    same_alerts: "两套规则的报警完全一样。",
    same_times: "报警的是同样的异常，没有新增，也没有减少，只是次数不同。",
    alerted_at: "报警时间",
    abnormal_since: "异常始于",
    for_how_long: "持续",
    found_by: "依据",
    by_threshold: "阈值",
    by_baseline: "基线规则",
    to_paste: "如要采用",
    same_rules: "与现行规则相同，无需修改。",
    paste_keys: "[monitoring]、[baseline] 下的几行对所有酒店生效：请在配置文件原有的小节里修改。",
    paste_at_end: "[[monitoring.overrides]] 一段只对本酒店生效：请加到配置文件末尾。",
    paste_instead: "本酒店已有单独的阈值（配置文件或 overrides_file）：请改原处，不要再加一段。",
    paste_reload: "本页不会修改配置。保存后重新加载（SIGHUP）即生效。",
    statuses_kept: "维修和清扫记录只保留最近一周，更早的按平常时段计算。",
    busy: "正忙",
    busy_advice: "同时打开的页面太多。本页会自动重试；各房现状可看客房列表。",
    comparing: "暂时无法试算",
    comparing_advice: "每次只能一人试算，现在有人正在试算，或者数据库太忙。请稍后再试。",
    unread: "暂时读不到数据",
    unread_advice: "数据库暂时没有应答。本页会自动重试；各房现状可看客房列表。",
    back_to_hotels: "返回酒店",
    to_rooms: "客房列表",
    away: |since| match since {
        Some(since) => format!("服务没有应答，以下是 {since} 的内容。恢复后本页会自动更新。"),
        None => "服务没有应答。恢复后本页会自动更新。".to_owned(),
    },

    threshold: |kwh| format!("当时的阈值 {kwh} kWh"),
    threshold_unrecorded: "当时的阈值没有记录",
    threshold_name: "阈值",
    band: "通常用电（本房与同店客房，基线规则）",
    usual: |base, limit| match limit {
        Some(limit) => format!("通常 {base}–{limit} kWh"),
        None => format!("本房自身约 {base} kWh"),
    },
    and_also: "；",
    threshold_since: |kwh, is_first| match is_first {
        true => format!("{kwh} kWh，自此开始记录"),
        false => format!("改为 {kwh} kWh"),
    },
    pending: "待发送",
    sent: "已发送",
    not_sent: "未发送",
    logged: "没有机器人，已写入日志",
    expired: "过期未发送",
    failed: "发送失败",
    withdrawn: "已撤回",
    joined: "属于已通知的异常，未另行通知",
    muted: "未发送：已有人处理或已暂停提醒",
    rule_threshold: "阈值规则",
    rule_baseline: "基线规则",
    notified: |notified| {
        let Notified {
            rule,
            since,
            run,
            kwh,
            state,
        } = notified;
        let rule = match rule.is_empty() {
            true => String::new(),
            false => format!("{rule}，自 {since} 起"),
        };
        format!("{rule}连续 {run}，共 {kwh} kWh；{state}")
    },
    intervals: |count| format!("{count} 个周期"),
    notices_deleted: |days| format!("提醒和恢复的记录保留 {days} 天，更早的已删除。"),
    map_caption: |span| {
        format!("{span}，每格 30 分钟。下有横线的时段有客人入住，没有横线的为空房。")
    },
    chart_of: |span| format!("{span} 每周期用电"),
    today: "今天",
    yesterday: "昨天",
    from_to: |from, to| match to.starts_with(|first: char| first.is_ascii_digit()) {
        true => format!("{from} 至 {to}"),
        false => format!("{from} 至{to}"),
    },
    periods: |periods, seconds| format!("{periods} × {}", duration(seconds)),
    ago: |seconds| match seconds {
        ..60 => "刚刚".to_owned(),
        seconds => format!("{}前", long(seconds)),
    },
    data_as_of: |time, ago| format!("数据截至 {time}（{ago}）"),
    on_floor: |floor| match floor {
        "" => "其他".to_owned(),
        floor => format!("{floor} 楼"),
    },
    stale: |since| match since {
        Some(since) => format!(
            "监测已停滞：自 {since} 起没有完成过检查，以下内容可能已过时。请联系系统管理员。"
        ),
        None => "启动后尚未完成第一次检查，以下内容可能已过时。".to_owned(),
    },
    hotels_caption: |time| format!("{time} 统计的各酒店状况，需处理的在前。"),
    shown_hotels: |shown, all| format!("显示 {shown} 家，共 {all} 家"),
    what_if_lead: |seconds| {
        format!(
            "换一套阈值或规则，看最近几天会多报、少报哪些异常。阈值是每个周期（{}）的用电。",
            duration(seconds)
        )
    },
    last_days: |days| format!("最近 {days} 天"),
    now_is: |now| format!("现行 {now}"),
    own_thresholds: |rooms| format!("{rooms} 间客房有自己的阈值，试算时保持不变。"),
    compared: |days, before, after| {
        format!("最近 {days} 天：按现行规则报警 {before} 次，按试算规则报警 {after} 次。")
    },
    spared: |all, shown| format!("不再报警 {all} 次{}", latest(all, shown)),
    added: |all, shown| format!("新增报警 {all} 次{}", latest(all, shown)),
    kept: |all, shown| format!("照样报警 {all} 次{}", latest(all, shown)),
    lasted: long,
    shown_of: |shown, all| format!("显示 {shown} 间，共 {all} 间"),
};

fn latest(all: usize, shown: usize) -> String {
    match shown < all {
        true => format!("（列出最近 {shown} 次）"),
        false => String::new(),
    }
}

fn duration(seconds: i64) -> String {
    match (seconds / 3_600, seconds % 3_600 / 60) {
        (0, minutes) => format!("{minutes} 分钟"),
        (hours, 0) => format!("{hours} 小时"),
        (hours, minutes) => format!("{hours} 小时 {minutes} 分钟"),
    }
}

fn long(seconds: i64) -> String {
    match seconds / 86_400 {
        ..1 => duration(seconds),
        days => format!("{days} 天"),
    }
}
