//! Chinese.

use super::Words;

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
    hotels_caption: "各酒店现状",
    search: "查找",
    search_label: "房号",
    floor: "楼层",
    all_floors: "全部",
    nothing_found: "没有符合的房间。",
    no_data: "—",

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
    shown_of: |shown, all| format!("显示 {shown} 间，共 {all} 间"),
};

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
