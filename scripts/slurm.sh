#!/usr/bin/env bash
# Starts a Slurm cluster of one node on this machine, for tests: munged, slurmctld and slurmd, all in one folder.
#
# usage: scripts/slurm.sh start FOLDER            starts it and waits until it takes jobs; then SLURM_CONF=FOLDER/slurm.conf
#        scripts/slurm.sh stop FOLDER             ends it and all its jobs
#        scripts/slurm.sh kill DAEMON FOLDER      kills slurmd or slurmctld
#        scripts/slurm.sh restart DAEMON FOLDER   starts it again
#
# It needs root and Debian's packages: apt-get install slurm-wlm munge
#
# Exit codes: 0 it is done, 2 wrong usage, 3 a program is missing, 4 not root, 5 a daemon does not start.
set -euo pipefail

fail() {
    local code=$1
    shift
    printf 'slurm: error: %s\n' "$*" >&2
    exit "$code"
}

free_port() {
    local port
    for _ in {1..50}; do
        port=$((20000 + RANDOM % 12000))
        if ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
            echo "$port"
            return
        fi
    done
    fail 5 'found no free port between 20000 and 32000'
}

# Waits up to 20 s until a command succeeds.
await() {
    local failure=$1
    shift
    for _ in {1..200}; do
        if "$@" >/dev/null 2>&1; then return; fi
        sleep 0.1
    done
    fail 5 "$failure; the logs are in $folder"
}

node_is() {
    [[ $(sinfo --noheader --format=%T) =~ ^($1)$ ]]
}

write_configuration() {
    local host memory
    host=$(hostname -s)
    memory=$(awk '/^MemTotal:/ { print int($2 / 1024 * 0.8) }' /proc/meminfo)
    cat >"$folder/slurm.conf" <<CONF
ClusterName=test
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$(free_port)
SlurmdPort=$(free_port)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$folder/munge/socket,cred_expire=30
CredType=cred/munge
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd.pid
SlurmctldLogFile=$folder/slurmctld.log
SlurmdLogFile=$folder/slurmd.log
SwitchType=switch/none
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SchedulerParameters=sched_interval=2,bf_interval=2
ReturnToService=2
MinJobAge=60
KillWait=2
DefMemPerCPU=100
SlurmdTimeout=300
OverTimeLimit=0
JobRequeue=0
PreemptType=preempt/partition_prio
PreemptMode=CANCEL
NodeName=$host NodeAddr=127.0.0.1 CPUs=$(nproc) RealMemory=$memory State=UNKNOWN
PartitionName=main Nodes=$host Default=YES MaxTime=01:00:00 State=UP PriorityTier=1
PartitionName=urgent Nodes=$host MaxTime=01:00:00 State=UP PriorityTier=10 PreemptMode=OFF
CONF
}

# All who ask munged are root here, so it is no fault that nobody else may enter the folder.
start_munged() {
    local path=$folder/munge
    mkdir -p "$path"
    (umask 0377 && dd if=/dev/urandom of="$path/key" bs=1024 count=1 status=none)
    munged --force --socket="$path/socket" --key-file="$path/key" --pid-file="$path/pid" --log-file="$path/log" \
        --seed-file="$path/seed" 2>>"$folder/munged.err" || fail 5 "munged does not start: $(tail -n 1 "$folder/munged.err")"
}

restart() {
    case $1 in
    slurmd) slurmd ;;
    slurmctld) slurmctld && await 'slurmctld does not answer' scontrol ping ;;
    esac
}

start() {
    local program
    for program in munged slurmctld slurmd sbatch squeue scancel scontrol sinfo; do
        command -v "$program" >/dev/null || fail 3 "$program is not installed: apt-get install slurm-wlm munge"
    done
    [[ $(id -u) == 0 ]] || fail 4 'only root can start a cluster'
    mkdir -p "$folder"/{state,spool}
    chmod 0755 "$folder"
    write_configuration
    start_munged
    slurmctld -c
    slurmd -c
    await 'slurmctld does not answer' scontrol ping
    await 'the node takes no jobs' node_is 'idle|mixed|allocated'
}

end_process() {
    local file=$1 process
    process=$(cat "$file" 2>/dev/null) || return 0
    kill -KILL "$process" 2>/dev/null || true
    rm -f "$file"
}

stop() {
    # A controller that was killed would be waited for.
    if kill -0 "$(cat "$folder/slurmctld.pid" 2>/dev/null)" 2>/dev/null; then
        scancel --user="$(id -u)" 2>/dev/null || true
    fi
    end_process "$folder/slurmd.pid"
    end_process "$folder/slurmctld.pid"
    end_process "$folder/munge/pid"
}

readonly USAGE='expected start or stop, or kill or restart and slurmd or slurmctld, and a folder'
[[ $# == 2 && $1 =~ ^(start|stop)$ || $# == 3 && $1 =~ ^(kill|restart)$ && $2 =~ ^(slurmd|slurmctld)$ ]] || fail 2 "$USAGE"
mkdir -p "${!#}"
folder=$(cd "${!#}" && pwd)
export SLURM_CONF=$folder/slurm.conf
PATH=$PATH:/usr/sbin:/sbin
case $1 in
start) start ;;
stop) stop ;;
kill) end_process "$folder/$2.pid" ;;
restart) restart "$2" ;;
esac
