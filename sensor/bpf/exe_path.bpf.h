/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The path of a process's executable as its own root directory sees it: dentries walked up to that root, across mounts,
 * written from the end of a buffer to its front. */
#ifndef PG_BPF_EXE_PATH_BPF_H
#define PG_BPF_EXE_PATH_BPF_H

#include "sensor/bpf/task.bpf.h"

#define PATH_PARTS_MAX 48
#define PATH_MOUNTS_MAX 8
#define NAME_MAX_LEN 255
#define TMPFS_MAGIC 0x01021994

/* Room for the event in front of the longest path, for the path, which ends at the end of text, for what follows it, and
 * for what the verifier, which does not see that offset and length add up to the end, believes could lie behind it. */
struct exe_scratch {
	u8 room[sizeof(struct pg_event)];
	char text[PG_TEXT_MAX];
	char more[PG_SCRIPT_MAX + PG_ARGS_MAX];
	char slack[PG_TEXT_MAX];
};

struct path_walk {
	struct dentry *dentry, *root_dentry;
	struct mount *mnt;
	struct vfsmount *vfsmnt, *root_mnt;
	u32 at; /* offset into text of its first byte so far */
	bool cut;
};

/* One step up: 0 go on, 1 done. (BPF_CORE_READ() wants plain variables, not members of ours.) */
static __always_inline int path_step(struct path_walk *w, struct exe_scratch *s)
{
	struct dentry *dentry = w->dentry, *parent;
	struct vfsmount *vfsmnt = w->vfsmnt;
	struct mount *mnt = w->mnt;
	u32 len, at;

	for (int i = 0; i < PATH_MOUNTS_MAX; i++) { /* from a mount's root to where it is mounted */
		struct mount *up;

		if (dentry == w->root_dentry && vfsmnt == w->root_mnt)
			return 1;
		if (dentry != BPF_CORE_READ(vfsmnt, mnt_root))
			break;
		up = BPF_CORE_READ(mnt, mnt_parent);
		if (up == mnt)
			return 1;
		dentry = BPF_CORE_READ(mnt, mnt_mountpoint);
		mnt = up;
		vfsmnt = (void *)up + bpf_core_field_offset(struct mount, mnt);
	}
	w->mnt = mnt;
	w->vfsmnt = vfsmnt;
	parent = BPF_CORE_READ(dentry, d_parent);
	if (parent == dentry)
		return 1;
	len = BPF_CORE_READ(dentry, d_name.len);
	if (len > NAME_MAX_LEN || len + 1 > w->at) {
		w->cut = true;
		return 1;
	}
	at = w->at - len - 1;
	if (at >= PG_TEXT_MAX)
		return 1;
	s->text[at] = '/';
	bpf_probe_read_kernel(&s->text[at] + 1, len & NAME_MAX_LEN, BPF_CORE_READ(dentry, d_name.name));
	w->at = at;
	w->dentry = parent;
	return 0;
}

static __always_inline bool file_is_memfd(struct dentry *d, struct super_block *sb)
{
	char name[8] = {};

	if (BPF_CORE_READ(sb, s_magic) != TMPFS_MAGIC || BPF_CORE_READ(d, d_parent) != d)
		return false;
	bpf_probe_read_kernel_str(name, sizeof(name), BPF_CORE_READ(d, d_name.name));
	return name[0] == 'm' && name[1] == 'e' && name[2] == 'm' && name[3] == 'f' && name[4] == 'd' && name[5] == ':';
}

static __always_inline void memfd_name(struct dentry *d, struct path_walk *w, struct exe_scratch *s)
{
	u32 len = BPF_CORE_READ(d, d_name.len);

	if (len > NAME_MAX_LEN)
		len = NAME_MAX_LEN;
	w->at = PG_TEXT_MAX - len;
	bpf_probe_read_kernel(&s->text[w->at & (PG_TEXT_MAX - 1)], len & NAME_MAX_LEN, BPF_CORE_READ(d, d_name.name));
}

/* Writes the text to the end of s->text and the executable's marks into e. Returns the text's length. */
static __always_inline u32 exe_describe(struct task_struct *t, struct pg_event *e, struct exe_scratch *s)
{
	struct file *exe = BPF_CORE_READ(t, mm, exe_file);
	struct path_walk w = { .at = PG_TEXT_MAX };
	struct inode *inode;

	if (!exe)
		return 0;
	inode = BPF_CORE_READ(exe, f_inode);
	e->exe_ino = BPF_CORE_READ(inode, i_ino);
	e->exe_dev = BPF_CORE_READ(inode, i_sb, s_dev);
	w.dentry = BPF_CORE_READ(exe, f_path.dentry);
	w.vfsmnt = BPF_CORE_READ(exe, f_path.mnt);
	w.mnt = (void *)w.vfsmnt - bpf_core_field_offset(struct mount, mnt);
	w.root_dentry = BPF_CORE_READ(t, fs, root.dentry);
	w.root_mnt = BPF_CORE_READ(t, fs, root.mnt);
	if (file_is_memfd(w.dentry, BPF_CORE_READ(inode, i_sb))) {
		e->flags |= PG_EVF_MEMFD;
		memfd_name(w.dentry, &w, s);
	} else {
		if (!BPF_CORE_READ(inode, i_nlink))
			e->flags |= PG_EVF_DELETED;
		for (int i = 0; i < PATH_PARTS_MAX; i++) {
			if (path_step(&w, s))
				break;
			if (i == PATH_PARTS_MAX - 1)
				w.cut = true;
		}
	}
	if (w.cut)
		e->flags |= PG_EVF_TEXT_CUT;
	if (task_is_ns_init(t))
		e->flags |= PG_EVF_NS_INIT;
	e->path_len = PG_TEXT_MAX - w.at;
	return PG_TEXT_MAX - w.at;
}

#endif
